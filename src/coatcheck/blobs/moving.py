"""A store around two, while blobs move from the old one to the new: `coatcheck blobs migrate` does the moving.

A blob is copied to the new store before it leaves the old one. So whoever misses it in the new, and then in the old,
finds it in the new.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from contextlib import aclosing
from typing import cast

from coatcheck.blobs.base import (
    BlobKey,
    BlobMissing,
    BlobStore,
    Marked,
    Remote,
    StoreRefuses,
    SweepsLeftovers,
)


class MovingBlobStore:
    """Writes to `new`, reads from both, deletes in both. Of what else a store may do, it does what both need.

    `keys` are those of the new store and then those of the old: one that is moved meanwhile may come twice.
    """

    def __init__(self, *, new: BlobStore, old: BlobStore) -> None:
        self.new = new
        self.old = old

    async def put(self, key: BlobKey, data: AsyncIterable[bytes]) -> int:
        return await self.new.put(key, data)

    async def read(
        self, key: BlobKey, start: int = 0, stop: int | None = None
    ) -> AsyncIterator[bytes]:
        for store, last in ((self.new, False), (self.old, False), (self.new, True)):
            reading = cast(AsyncGenerator[bytes, None], store.read(key, start, stop))
            try:
                async with aclosing(reading):
                    async for piece in reading:
                        start += len(piece)
                        yield piece
                return
            except (
                BlobMissing
            ):  # also in the middle, where a store asks for one piece after another
                if last:
                    raise

    async def size(self, key: BlobKey) -> int:
        for store in (self.new, self.old):
            try:
                return await store.size(key)
            except BlobMissing:
                continue
        return await self.new.size(key)

    async def delete(self, key: BlobKey) -> None:
        await self.old.delete(key)
        await self.new.delete(key)

    async def keys(self, prefix: str = "") -> AsyncIterator[BlobKey]:
        for store in (self.new, self.old):
            async for key in store.keys(prefix):
                yield key

    async def sweep_leftovers(self, older_than: float) -> int:
        return sum(
            [
                await store.sweep_leftovers(older_than)
                for store in (self.new, self.old)
                if isinstance(store, SweepsLeftovers)
            ]
        )

    async def marker(self) -> str | None:
        """That of the old store, which the new one gets, too, if it has none. Raises StoreRefuses where they differ."""
        found = [await store.marker() for store in self._marked()]
        if found[:1] == [None] and len(found) == 2 and found[1] is not None:
            found[0] = await self._marked()[0].mark(found[1])
        if len(set(found)) > 1:
            raise StoreRefuses("The new blob store and the old one belong to different databases.")
        return found[0] if found else None

    async def mark(self, marker: str, *, anew: bool = False) -> str:
        """Both."""
        found = [await store.mark(marker, anew=anew) for store in self._marked()]
        return next((each for each in found if each != marker), marker)

    async def check(self) -> None:
        for store in (self.new, self.old):
            if isinstance(store, Remote):
                await store.check()

    async def close(self) -> None:
        for store in (self.new, self.old):
            if isinstance(store, Remote):
                await store.close()

    def _marked(self) -> list[Marked]:
        return [store for store in (self.new, self.old) if isinstance(store, Marked)]
