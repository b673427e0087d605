"""A store around two keeps the contract of a store, wherever a blob lies at the moment."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from coatcheck.blobs.base import BlobKey, BlobMissing, StoreRefuses, new_blob_key
from coatcheck.blobs.filesystem import FilesystemBlobStore
from coatcheck.blobs.memory import MemoryBlobStore
from coatcheck.blobs.moving import MovingBlobStore
from coatcheck.testing.blob_store import BlobStoreContract
from coatcheck.testing.content import listed, pieces, whole


class TestMoving(BlobStoreContract):
    @pytest.fixture
    def store(self) -> MovingBlobStore:
        return MovingBlobStore(new=MemoryBlobStore(), old=MemoryBlobStore())


async def test_what_lies_in_the_old_store_is_read_measured_listed_and_deleted():
    new, old = MemoryBlobStore(), MemoryBlobStore()
    moving = MovingBlobStore(new=new, old=old)
    key = new_blob_key()
    await old.put(key, pieces(b"coatcheck"))

    assert await whole(moving, key, 4, 8) == b"chec"
    assert await moving.size(key) == 9
    assert await listed(moving) == [key]
    await moving.delete(key)
    assert await listed(old) == []


async def test_what_is_deleted_is_gone_from_both():
    moving = MovingBlobStore(new=MemoryBlobStore(), old=MemoryBlobStore())
    key = new_blob_key()
    for store in (moving.new, moving.old):
        await store.put(key, pieces(b"x"))
    await moving.delete(key)
    with pytest.raises(BlobMissing):
        await moving.size(key)


class Moves(MemoryBlobStore):
    """An old store from which a blob moves away at the moment somebody asks for it, after so many pieces."""

    def __init__(self, new: MemoryBlobStore, after: int) -> None:
        super().__init__()
        self._new = new
        self._after = after

    async def _move(self, key: BlobKey) -> None:
        await self._new.put(key, pieces(await self._blob(key)))
        await self.delete(key)
        raise BlobMissing(key)

    async def size(self, key: BlobKey) -> int:
        await self._move(key)
        return 0

    async def read(
        self, key: BlobKey, start: int = 0, stop: int | None = None
    ) -> AsyncIterator[bytes]:
        for at in range(start, start + self._after):
            async for piece in super().read(key, at, at + 1):
                yield piece
        await self._move(key)


async def test_a_blob_that_moves_while_it_is_looked_for_is_found():
    new = MemoryBlobStore()
    old = Moves(new, 0)
    key = new_blob_key()
    await old.put(key, pieces(b"coatcheck"))
    assert await MovingBlobStore(new=new, old=old).size(key) == 9


@pytest.mark.parametrize("after", [0, 1, 4])
async def test_a_blob_that_moves_while_it_is_read_is_read_on_from_its_new_place(after: int):
    new = MemoryBlobStore()
    old = Moves(new, after)
    key = new_blob_key()
    await old.put(key, pieces(b"coatcheck"))
    assert await whole(MovingBlobStore(new=new, old=old), key, 1, 8) == b"oatchec"


async def test_the_new_store_gets_the_mark_of_the_old_one(tmp_path: Path):
    new, old = FilesystemBlobStore(tmp_path / "new"), FilesystemBlobStore(tmp_path / "old")
    moving = MovingBlobStore(new=new, old=old)
    assert await moving.marker() is None
    await old.mark("m")
    assert await moving.marker() == "m"
    assert await new.marker() == "m"
    await new.mark("other", anew=True)
    with pytest.raises(StoreRefuses):
        await moving.marker()
    assert await moving.mark("n", anew=True) == "n"
    assert await moving.marker() == "n"
