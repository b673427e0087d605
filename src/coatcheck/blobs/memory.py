"""A store in memory, for tests and trials: the whole contract except that nothing outlives the process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator

from coatcheck.blobs.base import BlobExists, BlobKey, BlobMissing, checked, checked_range

PIECE = 256 * 1024


class MemoryBlobStore:
    """Blobs in a dictionary.

    Every operation gives way to other tasks once before it takes effect, as a store that waits for
    a disk does, so that races show.
    """

    def __init__(self) -> None:
        self._blobs: dict[BlobKey, bytes] = {}
        self.lost_and_found: dict[BlobKey, bytes] = {}

    async def put(self, key: BlobKey, data: AsyncIterable[bytes]) -> int:
        key = checked(key)
        blob = b"".join([bytes(piece) async for piece in data])
        await asyncio.sleep(0)
        if key in self._blobs:
            raise BlobExists(key)
        self._blobs[key] = blob
        return len(blob)

    async def read(
        self, key: BlobKey, start: int = 0, stop: int | None = None
    ) -> AsyncIterator[bytes]:
        blob = await self._blob(key)
        start, end = checked_range(start, stop, len(blob))
        for at in range(start, end, PIECE):
            yield blob[at : min(at + PIECE, end)]
            await asyncio.sleep(0)

    async def size(self, key: BlobKey) -> int:
        return len(await self._blob(key))

    async def delete(self, key: BlobKey) -> None:
        key = checked(key)
        await asyncio.sleep(0)
        self._blobs.pop(key, None)

    async def set_aside(self, key: BlobKey) -> str:
        self.lost_and_found[key] = await self._blob(key)
        await self.delete(key)
        return "lost+found"

    async def keys(self, prefix: str = "") -> AsyncIterator[BlobKey]:
        await asyncio.sleep(0)
        for key in list(self._blobs):
            if key.startswith(prefix):
                yield key

    async def _blob(self, key: BlobKey) -> bytes:
        key = checked(key)
        await asyncio.sleep(0)
        try:
            return self._blobs[key]
        except KeyError:
            raise BlobMissing(key) from None


def open_memory(url: str) -> MemoryBlobStore:
    """A new empty store for `memory:`."""
    if url != "memory:":
        raise ValueError("a store in memory has no address: its URL is `memory:`")
    return MemoryBlobStore()
