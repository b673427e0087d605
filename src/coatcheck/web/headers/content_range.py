"""Content-Range of a request that brings a part of a whole (RFC 9110 §14.4, §14.5)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from coatcheck.domain.errors import BadRange
from coatcheck.domain.ranges import Span

# One spelling a number, and none that a signed 64-bit column could not hold.
_NUMBER = r"(0|[1-9][0-9]{0,17})"
_CONTENT_RANGE = re.compile(rf"bytes {_NUMBER}-{_NUMBER}/{_NUMBER}", re.I)


@dataclass(frozen=True, slots=True)
class ContentRange:
    """The bytes [start, stop) of `total`; on the wire the last byte is named, not the one after it."""

    start: int
    stop: int
    total: int

    @property
    def span(self) -> Span:
        return Span(self.start, self.stop)

    @property
    def size(self) -> int:
        return self.stop - self.start

    def __str__(self) -> str:
        return f"bytes {self.start}-{self.stop - 1}/{self.total}"


def parse_content_range(text: str) -> ContentRange:
    """`bytes 0-9/100`, nothing unknown, nothing left out. Raises BadRange(field="Content-Range")."""
    match = _CONTENT_RANGE.fullmatch(text.strip(" \t"))
    if match is None:
        raise BadRange("Content-Range is not `bytes start-end/total`.", field="Content-Range")
    start, last, total = (int(number) for number in match.groups())
    if not start <= last < total:
        raise BadRange("Content-Range ends before it starts, or after all.", field="Content-Range")
    return ContentRange(start, last + 1, total)


def unsatisfied(size: int) -> str:
    """Content-Range of an answer 416: what there would have been."""
    return f"bytes */{size}"
