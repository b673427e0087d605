"""HTTP-date (RFC 9110 §5.6.7). Times are ms since 1970 (UTC), like everywhere in Coatcheck."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import formatdate

_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_CLOCK = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
_FORMS = (
    re.compile(rf"\w{{3}}, (?P<day>\d\d) (?P<month>\w{{3}}) (?P<year>\d{{4}}) {_CLOCK} GMT", re.A),
    re.compile(rf"\w{{6,9}}, (?P<day>\d\d)-(?P<month>\w{{3}})-(?P<year>\d\d) {_CLOCK} GMT", re.A),
    re.compile(rf"\w{{3}} (?P<month>\w{{3}}) (?P<day>[ \d]\d) {_CLOCK} (?P<year>\d{{4}})", re.A),
)


def parse_http_date(text: str) -> int | None:
    """The time in any of the three forms, to the second; None when it is no such date."""
    for form in _FORMS:
        match = form.fullmatch(text.strip(" \t"))
        if match is not None:
            return _milliseconds(match)
    return None


def http_date(time: int) -> str:
    """`Sun, 06 Nov 1994 08:49:37 GMT`: the second that has begun."""
    return formatdate(time // 1000, usegmt=True)


def _milliseconds(match: re.Match[str]) -> int | None:
    year = int(match["year"])
    if len(match["year"]) == 2:
        # §5.6.7 wants the past century for what would lie over 50 years ahead; a fixed pivot does.
        year += 1900 if year >= 70 else 2000
    try:
        moment = datetime(
            year,
            _MONTHS.index(match["month"].lower()) + 1,
            int(match["day"]),
            int(match["hour"]),
            int(match["minute"]),
            min(int(match["second"]), 59),  # a leap second
            tzinfo=UTC,
        )
    except ValueError:
        return None
    return int(moment.timestamp()) * 1000
