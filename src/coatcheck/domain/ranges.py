"""Runs of bytes [start, stop), and the arithmetic of what several of them cover."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

from coatcheck.domain.errors import BadRange


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """The bytes from `start` up to, not including, `stop`."""

    start: int
    stop: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.stop:
            raise BadRange(start=self.start, stop=self.stop)

    @property
    def size(self) -> int:
        return self.stop - self.start

    def overlaps(self, other: Span) -> bool:
        """True when they share a byte."""
        return max(self.start, other.start) < min(self.stop, other.stop)


def union(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The same bytes in the fewest spans, in order; empty spans vanish."""
    merged: list[Span] = []
    for span in sorted(span for span in spans if span.size):
        if merged and span.start <= merged[-1].stop:
            merged[-1] = Span(merged[-1].start, max(merged[-1].stop, span.stop))
        else:
            merged.append(span)
    return tuple(merged)


def covered(spans: Iterable[Span]) -> int:
    """How many bytes are in at least one of the spans."""
    return sum(span.size for span in union(spans))


def gaps(spans: Iterable[Span], total: int) -> tuple[Span, ...]:
    """What of [0, total) is in none of the spans, in order."""
    missing: list[Span] = []
    at = 0
    for span in union(spans):
        if span.start >= total:
            break
        if span.start > at:
            missing.append(Span(at, span.start))
        at = span.stop
    if at < total:
        missing.append(Span(at, total))
    return tuple(missing)


def first_gap(spans: Iterable[Span], total: int) -> int:
    """The offset: the first byte not yet received without a gap; `total` when there is none."""
    missing = gaps(spans, total)
    return missing[0].start if missing else total


def overlaps(spans: Iterable[Span]) -> bool:
    """True when two of the spans share a byte."""
    ordered = sorted(span for span in spans if span.size)
    return any(left.overlaps(right) for left, right in itertools.pairwise(ordered))
