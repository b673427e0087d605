"""Conditional requests for content: RFC 9110 §13, in the order of §13.2.2."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum

from coatcheck.web.headers.http_date import parse_http_date

_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')


class Decision(Enum):
    """What to answer."""

    SEND = "send"  # as asked, a range included
    SEND_ALL = "send all"  # If-Range failed: the range is not honoured
    NOT_MODIFIED = "not modified"  # 304
    FAILED = "precondition failed"  # 412


def evaluate(headers: Mapping[str, str], *, etag: str | None, modified: int | None) -> Decision:
    """Decide for GET or HEAD.

    `etag` is the opaque tag without quotes, a strong one; `modified` is in ms since 1970 (UTC).
    `headers` must look names up whatever their case. A bad date makes its field ignored.
    """
    changed = None if modified is None else modified // 1000 * 1000
    if not _may_proceed(headers, etag, changed):
        return Decision.FAILED
    if _client_has_it(headers, etag, changed):
        return Decision.NOT_MODIFIED
    if "range" in headers and not _same_content(headers.get("if-range"), etag, changed):
        return Decision.SEND_ALL
    return Decision.SEND


def quoted(etag: str) -> str:
    """The tag as it stands in ETag."""
    return f'"{etag}"'


def _may_proceed(headers: Mapping[str, str], etag: str | None, changed: int | None) -> bool:
    wanted = headers.get("if-match")
    if wanted is not None:
        # Strong comparison (§8.8.3.2): a weak tag never matches.
        return wanted.strip() == "*" or (False, etag) in _tags(wanted)
    date = parse_http_date(headers.get("if-unmodified-since", ""))
    return date is None or changed is None or changed <= date


def _client_has_it(headers: Mapping[str, str], etag: str | None, changed: int | None) -> bool:
    known = headers.get("if-none-match")
    if known is not None:
        return known.strip() == "*" or any(tag == etag for _, tag in _tags(known))
    date = parse_http_date(headers.get("if-modified-since", ""))
    return date is not None and changed is not None and changed <= date


def _same_content(validator: str | None, etag: str | None, changed: int | None) -> bool:
    if validator is None:
        return True
    tags = _tags(validator)
    if tags:
        return tags == [(False, etag)]
    # §13.1.5: a date only counts when it is exactly the Last-Modified that was sent.
    return changed is not None and parse_http_date(validator) == changed


def _tags(text: str) -> list[tuple[bool, str]]:
    """(weak, opaque tag) of each; what stands between them is not held against the client."""
    return [(bool(weak), tag) for weak, tag in _TAG.findall(text)]
