"""Stitching: what is asked of the blob store, and when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import cast

import pytest

from coatcheck.blobs.base import BlobKey, new_blob_key
from coatcheck.blobs.memory import PIECE, MemoryBlobStore
from coatcheck.domain.attachment import Part
from coatcheck.domain.errors import Corrupt
from coatcheck.services.ports import Transactions
from coatcheck.services.reading import ASKED_AT_ONCE, Reading
from coatcheck.testing.content import pattern, pieces


class Watched(MemoryBlobStore):
    """Tells which reads began and ended, and how many sizes were asked for at once."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[tuple[str, BlobKey]] = []
        self.asking = self.most = 0

    async def read(
        self, key: BlobKey, start: int = 0, stop: int | None = None
    ) -> AsyncIterator[bytes]:
        self.events.append(("begun", key))
        try:
            async for piece in super().read(key, start, stop):
                yield piece
        finally:
            self.events.append(("ended", key))

    async def size(self, key: BlobKey) -> int:
        self.asking += 1
        self.most = max(self.most, self.asking)
        try:
            await asyncio.sleep(0)
            return await super().size(key)
        finally:
            self.asking -= 1

    def count(self, event: str) -> int:
        return sum(each == event for each, _ in self.events)


async def stitched(store: Watched, sizes: list[int]) -> tuple[list[Part], bytes]:
    parts, content = [], b""
    for number, size in enumerate(sizes):
        key, piece = new_blob_key(), pattern(number, size)
        await store.put(key, pieces(piece))
        parts.append(Part(start=len(content), size=size, sha256="", blob_key=key))
        content += piece
    return parts, content


def reading_from(store: Watched) -> Reading:
    return Reading(cast(Transactions, None), store)


@pytest.fixture
def store() -> Watched:
    return Watched()


async def test_parts_are_read_in_order_to_the_last_byte(store: Watched):
    parts, content = await stitched(store, [10, 2 * PIECE + 5, 1, PIECE, 30])
    reading = reading_from(store)
    for start, stop in ((0, len(content)), (5, 12), (11, len(content) - 1), (7, 7)):
        got = b"".join([data async for data in reading.span(parts, start, stop)])
        assert got == content[start:stop]
    assert store.count("begun") == store.count("ended")


async def test_the_next_part_is_on_its_way_while_one_is_read_and_no_more_than_that(store: Watched):
    parts, _ = await stitched(store, [2 * PIECE] * 4)
    keys = [part.blob_key for part in parts]
    async with aclosing(reading_from(store).span(parts, 0, 8 * PIECE)) as span:
        await anext(span)
        await asyncio.sleep(0)
        assert [key for event, key in store.events if event == "begun"] == keys[:2]
        await anext(span)
        await anext(span)
        await asyncio.sleep(0)
        assert [key for event, key in store.events if event == "begun"] == keys[:3]
    assert store.count("ended") == 3


async def test_what_is_wrong_with_the_next_part_is_told_when_its_turn_comes(store: Watched):
    parts, content = await stitched(store, [PIECE, 10])
    await store.delete(BlobKey(str(parts[1].blob_key)))
    got = []

    async def read() -> None:
        async for data in reading_from(store).span(parts, 0, len(content)):
            got.append(data)  # noqa: PERF401 - what came before the error counts

    with pytest.raises(Corrupt):
        await read()
    assert b"".join(got) == content[:PIECE]


async def test_what_is_wrong_with_a_part_nobody_came_to_is_nobodys_business(store: Watched):
    parts, _ = await stitched(store, [2 * PIECE, 10])
    await store.delete(BlobKey(str(parts[1].blob_key)))
    async with aclosing(reading_from(store).span(parts, 0, 2 * PIECE + 10)) as span:
        await anext(span)
        await asyncio.sleep(0)


async def test_a_reader_that_is_cancelled_leaves_no_read_open(store: Watched):
    parts, _ = await stitched(store, [2 * PIECE] * 3)
    begun = asyncio.Event()

    async def read() -> None:
        async for _ in reading_from(store).span(parts, 0, 6 * PIECE):
            begun.set()
            await asyncio.Event().wait()

    reading = asyncio.create_task(read())
    await begun.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    # An iterator that nobody closes is closed by the loop, a moment later.
    while store.count("ended") < store.count("begun"):
        await asyncio.sleep(0)


async def test_the_sizes_of_many_parts_are_asked_for_together_but_not_all_at_once(store: Watched):
    parts, content = await stitched(store, [1] * (2 * ASKED_AT_ONCE + 3))
    await reading_from(store).check(parts, 0, len(content))
    assert store.most == ASKED_AT_ONCE


@pytest.mark.parametrize("place", [0, ASKED_AT_ONCE - 1, ASKED_AT_ONCE + 1])
async def test_one_missing_part_among_many_is_noticed_before_anything_is_read(
    store: Watched, place: int
):
    parts, content = await stitched(store, [1] * (ASKED_AT_ONCE + 2))
    await store.delete(BlobKey(str(parts[place].blob_key)))
    with pytest.raises(Corrupt):
        await reading_from(store).check(parts, 0, len(content))
    assert store.count("begun") == 0
