from __future__ import annotations

from collections.abc import AsyncIterator
from typing import cast

import pytest

from coatcheck.blobs.backoff import Backoff
from coatcheck.blobs.base import BlobKey, BlobMissing, BlobStore, RemoteBlobStore, new_blob_key
from coatcheck.blobs.memory import MemoryBlobStore
from coatcheck.blobs.retrying import RetryingBlobStore
from coatcheck.domain.errors import Unavailable
from coatcheck.testing.blob_store import BlobStoreContract
from coatcheck.testing.content import listed, pattern, pieces, whole
from coatcheck.testing.faulty import FaultyBlobStore, Operation

LONG = pattern(1, 1_000_000)


async def at_once(_seconds: float) -> None:
    pass


def retrying(store: BlobStore, attempts: int = 4) -> RetryingBlobStore:
    return RetryingBlobStore(
        cast(RemoteBlobStore, store), Backoff(attempts=attempts, sleep=at_once)
    )


class BreakingOff(MemoryBlobStore):
    """Every read breaks off after so many pieces."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.after = after
        self.reads: list[int] = []

    async def read(
        self, key: BlobKey, start: int = 0, stop: int | None = None
    ) -> AsyncIterator[bytes]:
        self.reads.append(start)
        left = self.after
        async for piece in super().read(key, start, stop):
            if not left:
                raise Unavailable
            left -= 1
            yield piece


class TestRetryingBlobStore(BlobStoreContract):
    @pytest.fixture
    def store(self) -> RetryingBlobStore:
        return retrying(MemoryBlobStore())


@pytest.mark.parametrize("op", ["size", "delete", "read"])
@pytest.mark.parametrize("after", [False, True])
async def test_what_fails_once_is_done_all_the_same(op: Operation, after: bool):
    memory = MemoryBlobStore()
    key = new_blob_key()
    await memory.put(key, pieces(LONG))
    faulty = FaultyBlobStore(memory, op, 1, Unavailable(), after=after)
    store = retrying(faulty)
    match op:
        case "size":
            assert await store.size(key) == len(LONG)
        case "delete":
            await store.delete(key)
            with pytest.raises(BlobMissing):
                await memory.size(key)
        case _:
            assert await whole(store, key) == LONG
    assert faulty.fired


async def test_a_read_goes_on_behind_the_last_byte_it_delivered():
    memory = BreakingOff(after=1)
    key = new_blob_key()
    await memory.put(key, pieces(LONG))
    assert await whole(retrying(memory, attempts=2), key, 5, 900_000) == LONG[5:900_000]
    assert memory.reads == sorted(memory.reads)
    assert len(set(memory.reads)) == len(memory.reads) > 3


async def test_a_read_that_makes_no_progress_ends_with_its_error():
    memory = BreakingOff(after=0)
    key = new_blob_key()
    await memory.put(key, pieces(LONG))
    with pytest.raises(Unavailable):
        await whole(retrying(memory, attempts=3), key)
    assert memory.reads == [0, 0, 0]


@pytest.mark.parametrize("op", ["put", "keys"])
async def test_what_cannot_be_repeated_from_outside_is_not(op: Operation):
    memory = MemoryBlobStore()
    store = retrying(FaultyBlobStore(memory, op, 1, Unavailable()))
    with pytest.raises(Unavailable):
        await (store.put(new_blob_key(), pieces(b"x")) if op == "put" else listed(store))
    assert await listed(memory) == []
