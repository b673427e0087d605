"""Range of a request for content (RFC 9110 §14.1.2, §14.2)."""

from __future__ import annotations

import re

from coatcheck.domain.errors import RangeNotSatisfiable
from coatcheck.domain.ranges import Span

_RANGE = re.compile(r"bytes=[ \t]*([0-9]*)-([0-9]*)[ \t]*", re.I)

# Campr's pages print Content-Range's form here, and so its clients send that.
_WITH_TOTAL = re.compile(r"bytes ([0-9]+)-([0-9]+)/([0-9]+|\*)", re.I)

_BEYOND = 1 << 63


def parse_range(text: str | None, size: int) -> Span | None:
    """The bytes asked for of `size`, or None for all of them.

    A field that is malformed, in another unit, or asks for several ranges is ignored, as §14.2 allows.
    Raises RangeNotSatisfiable(size=…) when it names no byte of the content.
    """
    first, last = _bounds(text, size)
    if first is None:
        return _suffix(last, size)
    if last is not None and last < first:
        return None
    if first >= size:
        raise RangeNotSatisfiable(size=size)
    return Span(first, size if last is None else min(last + 1, size))


def _bounds(text: str | None, size: int) -> tuple[int | None, int | None]:
    text = (text or "").strip(" \t")
    match = _RANGE.fullmatch(text)
    if match is None:
        match = _WITH_TOTAL.fullmatch(text)
        # Another total speaks of other content: the client is better served with all of this one.
        if match is None or (match[3] != "*" and _number(match[3]) != size):
            return None, None
    return _number(match[1]), _number(match[2])


def _suffix(length: int | None, size: int) -> Span | None:
    if length is None:
        return None
    if length == 0:
        raise RangeNotSatisfiable(size=size)
    # The last bytes of nothing are satisfiable, but no Content-Range can say so.
    return Span(max(0, size - length), size) if size else None


def _number(digits: str) -> int | None:
    if not digits:
        return None
    digits = digits.lstrip("0") or "0"
    # Python refuses to convert thousands of digits; past any size they are all the same.
    return int(digits) if len(digits) < 19 else _BEYOND
