from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coatcheck.domain.assembly import Fit, fit, received, whole
from coatcheck.domain.attachment import Part
from coatcheck.domain.errors import Excess, Overlap


def by_start(start: int, size: int, *, id: int = 0, sha256: str = "x") -> Part:
    return Part(id=id, start=start, size=size, sha256=sha256, inline=b"")


def by_ordinal(ordinal: int, size: int, *, sha256: str = "x") -> Part:
    return Part(ordinal=ordinal, size=size, sha256=sha256, inline=b"")


def test_the_same_part_again_is_a_repeat_and_other_bytes_in_its_place_are_refused():
    first = by_ordinal(2, 5)
    assert fit([first], by_ordinal(2, 5), 100) == Fit(repeats=first)
    with pytest.raises(Overlap):
        fit([first], by_ordinal(2, 5, sha256="y"), 100)
    with pytest.raises(Overlap):
        fit([first], by_ordinal(2, 6), 100)


def test_the_same_range_again_is_a_repeat_and_other_bytes_in_it_are_refused():
    first = by_start(2, 5)
    assert fit([first], by_start(2, 5), 100) == Fit(repeats=first)
    with pytest.raises(Overlap):
        fit([first], by_start(2, 5, sha256="y"), 100)


def test_ranges_in_another_cut_are_to_be_compared_but_for_those_that_were():
    others = [by_start(0, 5, id=1), by_start(5, 5, id=2), by_start(20, 5, id=3)]
    new = by_start(3, 10)
    assert [part.id for part in fit(others, new, 100).compare] == [1, 2]
    assert [part.id for part in fit(others, new, 100, {1}).compare] == [2]
    assert fit(others, new, 100, {1, 2}) == Fit()


def test_ranges_that_only_touch_need_no_comparing():
    assert fit([by_start(0, 5, id=1), by_start(8, 2, id=2)], by_start(5, 3), 10) == Fit()


def test_more_than_the_total_is_refused():
    with pytest.raises(Excess) as caught:
        fit([by_ordinal(1, 5)], by_ordinal(2, 6), 10)
    assert caught.value.facts == {"total": 10}
    assert fit([by_ordinal(1, 5)], by_ordinal(2, 5), 10) == Fit()


def test_a_range_beyond_the_total_is_refused():
    with pytest.raises(Excess):
        fit([], by_start(5, 6), 10)
    assert fit([], by_start(5, 5), 10) == Fit()


def test_a_repeat_of_the_part_that_filled_the_total_is_no_excess():
    parts = [by_ordinal(1, 5), by_ordinal(2, 5)]
    assert fit(parts, by_ordinal(2, 5), 10).repeats == parts[1]


@pytest.mark.parametrize(
    ("ordinals", "total", "complete"),
    [
        ([(1, 5), (2, 5)], 10, True),
        ([(2, 5), (1, 5)], 10, True),
        ([(1, 5), (3, 5)], 10, False),
        ([(1, 5)], 10, False),
        ([(1, 0)], 0, True),
        ([], 0, False),
        ([(2, 10)], 10, False),
    ],
)
def test_chunks_make_a_whole_when_none_is_missing_and_they_add_up(
    ordinals: list[tuple[int, int]], total: int, complete: bool
):
    assert whole([by_ordinal(*each) for each in ordinals], total) is complete


@given(st.integers(0, 40), st.randoms(use_true_random=False))
def test_ranges_make_a_whole_exactly_when_every_byte_is_there(total: int, random_: random.Random):
    there = [False] * total
    parts: list[Part] = []
    for id in range(1, 9):
        start = random_.randint(0, total)
        stop = random_.randint(start, total)
        new = by_start(start, stop - start, id=id)
        try:
            place = fit(parts, new, total, agreed=range(9))
        except Overlap:
            pytest.fail("all bytes are the same here")
        if place.repeats is None:
            parts.append(new)
        there[start:stop] = [True] * (stop - start)
        assert received(parts) == sum(there)
        assert whole(parts, total) is all(there)
