from __future__ import annotations

from typing import get_args

import pytest

from coatcheck.blobs.base import BlobMissing, BlobStore, new_blob_key
from coatcheck.blobs.memory import MemoryBlobStore
from coatcheck.domain.errors import Unavailable
from coatcheck.testing.blob_store import BlobStoreContract
from coatcheck.testing.content import listed, pieces, whole
from coatcheck.testing.faulty import FaultyBlobStore, Operation


class TestFaultyBlobStoreThatNeverFails(BlobStoreContract):
    @pytest.fixture
    def store(self) -> FaultyBlobStore:
        return FaultyBlobStore(MemoryBlobStore(), "put", 0, Unavailable())


async def workload(store: BlobStore) -> None:
    for _ in range(2):
        key = new_blob_key()
        await store.put(key, pieces(b"coat"))
        await whole(store, key)
        await store.size(key)
        await listed(store)
        await store.delete(key)


@pytest.mark.parametrize("op", get_args(Operation))
@pytest.mark.parametrize("after", [False, True])
async def test_the_nth_operation_fails_and_no_other(op: Operation, after: bool):
    error = Unavailable()
    for nth in (1, 2):
        store = FaultyBlobStore(MemoryBlobStore(), op, nth, error, after=after)
        with pytest.raises(Unavailable) as caught:
            await workload(store)
        assert caught.value is error
        assert store.fired
    store = FaultyBlobStore(MemoryBlobStore(), op, 3, error, after=after)
    await workload(store)
    assert not store.fired


async def test_what_fails_before_has_no_effect_and_what_fails_after_has_its_whole():
    inner = MemoryBlobStore()
    key = new_blob_key()
    with pytest.raises(Unavailable):
        await FaultyBlobStore(inner, "put", 1, Unavailable()).put(key, pieces(b"coat"))
    with pytest.raises(BlobMissing):
        await inner.size(key)
    with pytest.raises(Unavailable):
        await FaultyBlobStore(inner, "put", 1, Unavailable(), after=True).put(key, pieces(b"coat"))
    assert await whole(inner, key) == b"coat"
