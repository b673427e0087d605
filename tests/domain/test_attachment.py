from __future__ import annotations

import itertools
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coatcheck.domain.attachment import (
    Attachment,
    Part,
    contiguous_ordinals,
    laid_out,
    slices,
)
from coatcheck.domain.lifecycle import VISIBLE, State


def part(start: int | None, size: int, *, ordinal: int | None = None, id: int = 0) -> Part:
    return Part(id=id, start=start, ordinal=ordinal, size=size, sha256="", inline=b"")


def stitched(source: bytes, parts: list[Part], start: int, stop: int) -> bytes:
    """The bytes that the slices name, each part being what the source has at its place."""
    found = b""
    for piece in slices(parts, start, stop):
        begin = piece.part.start or 0
        assert 0 <= piece.start < piece.stop <= piece.part.size
        found += source[begin + piece.start : begin + piece.stop]
    return found


@st.composite
def coverings(draw: st.DrawFn) -> tuple[bytes, list[Part]]:
    """A source, and parts by start that cover it: any cut, any overlap, empty ones too, in any order."""
    source = draw(st.binary(max_size=60))
    cuts = sorted(draw(st.sets(st.integers(0, len(source)), max_size=6)) | {0, len(source)})
    spans = list(itertools.pairwise(cuts)) or [(0, 0)]
    for _ in range(draw(st.integers(0, 5))):
        start = draw(st.integers(0, len(source)))
        spans.append((start, draw(st.integers(start, len(source)))))
    parts = [part(start, stop - start, id=id) for id, (start, stop) in enumerate(spans, 1)]
    return source, draw(st.permutations(parts))


@given(coverings(), st.data())
def test_however_it_is_cut_the_stitched_bytes_are_the_source(
    covering: tuple[bytes, list[Part]], data: st.DataObject
):
    source, parts = covering
    assert stitched(source, parts, 0, len(source)) == source
    start = data.draw(st.integers(0, len(source)))
    stop = data.draw(st.integers(start, len(source)))
    assert stitched(source, parts, start, stop) == source[start:stop]


@given(st.lists(st.integers(0, 9), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_parts_by_ordinal_follow_one_another_in_whatever_order_they_are_given(
    sizes: list[int], random_: random.Random
):
    parts = [part(None, size, ordinal=number) for number, size in enumerate(sizes, 1)]
    random_.shuffle(parts)
    placed = laid_out(parts)
    assert [each.ordinal for each in placed] == list(range(1, len(sizes) + 1))
    assert [each.start for each in placed] == [sum(sizes[:n]) for n in range(len(sizes))]
    source = bytes(n % 251 for n in range(sum(sizes)))
    assert stitched(source, parts, 0, len(source)) == source


def test_slices_stop_at_a_gap():
    parts = [part(0, 3), part(5, 2)]
    assert [(each.start, each.stop) for each in slices(parts, 0, 7)] == [(0, 3)]
    assert slices(parts, 3, 5) == []


def test_no_part_no_slice_and_no_bytes_no_slice():
    assert slices([], 0, 5) == []
    assert slices([part(0, 3)], 2, 2) == []


@pytest.mark.parametrize(
    ("ordinals", "unbroken"),
    [([1, 2, 3], True), ([3, 1, 2], True), ([1, 3], False), ([2], False), ([0, 1], False)],
)
def test_ordinals_are_unbroken_when_they_are_one_to_n(ordinals: list[int], unbroken: bool):
    assert contiguous_ordinals([part(None, 1, ordinal=n) for n in ordinals]) is unbroken


AN_ATTACHMENT = Attachment(
    id=1,
    public_id="p",
    tenant_id=1,
    owner_id=1,
    dialect="test",
    state=State.DETACHED,
    name=None,
    media_type="text/plain",
    size=1,
    received=1,
    created_at=0,
    updated_at=0,
    expires_at=100,
)


@pytest.mark.parametrize("state", State)
def test_only_what_is_whole_is_readable(state: State):
    assert replace(AN_ATTACHMENT, state=state).readable(99) is (state in VISIBLE)


def test_a_detached_one_is_readable_until_the_moment_it_expires():
    assert AN_ATTACHMENT.readable(99)
    assert not AN_ATTACHMENT.readable(100)
    assert replace(AN_ATTACHMENT, expires_at=None).readable(10**15)


def test_a_claimed_one_is_readable_for_ever():
    assert replace(AN_ATTACHMENT, state=State.CLAIMED).readable(10**15)
