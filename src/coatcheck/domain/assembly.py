"""Whether a part fits among those that have arrived, and whether they make a whole."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from coatcheck.domain.attachment import Part, contiguous_ordinals
from coatcheck.domain.errors import Excess, Overlap
from coatcheck.domain.ranges import Span, covered


@dataclass(frozen=True, slots=True)
class Fit:
    """`repeats` is the part received before that the new one is the same as. `compare` are those it overlaps in
    another cut: whether they agree can only be told from their bytes.
    """

    repeats: Part | None = None
    compare: tuple[Part, ...] = ()


def span_of(part: Part) -> Span:
    return Span(part.start or 0, part.stop)


def fit(parts: Sequence[Part], new: Part, total: int, agreed: Collection[int] = ()) -> Fit:
    """How a new part lies among the others; `agreed` are the ids of those whose bytes were found to agree.

    Raises Overlap where other bytes are there already, Excess where it would be more than the declared total.
    """
    if new.ordinal is not None:
        for part in parts:
            if part.ordinal == new.ordinal:
                return Fit(repeats=_same(part, new))
        if received(parts) + new.size > total:
            raise Excess(total=total)
        return Fit()
    mine = span_of(new)
    if mine.stop > total:
        raise Excess(total=total)
    for part in parts:
        if span_of(part) == mine:
            if part.sha256 is None and part.id not in agreed:
                return Fit(compare=(part,))
            return Fit(repeats=part if part.sha256 is None else _same(part, new))
    return Fit(
        compare=tuple(
            part for part in parts if span_of(part).overlaps(mine) and part.id not in agreed
        )
    )


def received(parts: Sequence[Part]) -> int:
    """Bytes that have arrived, each counted once."""
    if any(part.ordinal is not None for part in parts):
        return sum(part.size for part in parts)
    return covered(span_of(part) for part in parts)


def whole(parts: Sequence[Part], total: int) -> bool:
    """Every byte is there: by coverage, or by an unbroken count of parts that add up."""
    if received(parts) != total or not parts:
        return False
    return parts[0].ordinal is None or contiguous_ordinals(parts)


def _same(old: Part, new: Part) -> Part:
    if (old.size, old.sha256) != (new.size, new.sha256):
        raise Overlap
    return old
