"""Spans, and what several of them cover: compared with sets of byte numbers."""

from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coatcheck.domain.errors import BadRange
from coatcheck.domain.ranges import Span, covered, first_gap, gaps, overlaps, union

spans = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 40)).map(lambda ends: Span(min(ends), max(ends)))
)


def numbers(of: tuple[Span, ...] | list[Span]) -> set[int]:
    return {number for span in of for number in range(span.start, span.stop)}


@pytest.mark.parametrize(("start", "stop"), [(5, 2), (-1, 2), (-3, -1)])
def test_a_span_cannot_end_before_it_starts(start: int, stop: int) -> None:
    with pytest.raises(BadRange):
        Span(start, stop)


def test_neighbours_do_not_overlap_but_become_one() -> None:
    assert not Span(0, 5).overlaps(Span(5, 9))
    assert union([Span(5, 9), Span(0, 5)]) == (Span(0, 9),)


def test_an_empty_span_overlaps_nothing() -> None:
    assert not Span(3, 3).overlaps(Span(0, 9))
    assert not overlaps([Span(0, 9), Span(3, 3)])


def test_the_offset_is_where_the_first_gap_begins() -> None:
    assert first_gap([], 10) == 0
    assert first_gap([Span(5, 10)], 10) == 0
    assert first_gap([Span(0, 4), Span(5, 10)], 10) == 4
    assert first_gap([Span(5, 10), Span(0, 5)], 10) == 10


@given(spans)
def test_the_union_holds_the_same_bytes_in_order_and_apart(several: list[Span]) -> None:
    merged = union(several)
    assert numbers(merged) == numbers(several)
    assert all(left.stop < right.start for left, right in pairwise(merged))
    assert covered(several) == len(numbers(several))


@given(spans, st.integers(0, 50))
def test_spans_and_gaps_together_are_the_whole(several: list[Span], total: int) -> None:
    missing = gaps(several, total)
    assert numbers(missing) == set(range(total)) - numbers(several)
    assert first_gap(several, total) == min(numbers(missing), default=total)


@given(spans)
def test_spans_overlap_when_two_of_them_do(several: list[Span]) -> None:
    assert overlaps(several) == any(a.overlaps(b) for a, b in combinations(several, 2))
