"""A store around a store behind a network: what may be asked twice is asked again when it fails."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from contextlib import aclosing
from typing import cast

from coatcheck.blobs.backoff import Backoff
from coatcheck.blobs.base import BlobKey, RemoteBlobStore, SignedForm, SignedRequest
from coatcheck.domain.errors import Unavailable


class RetryingBlobStore:
    """`size` and `delete` are repeated; `read` goes on behind the last byte it delivered.

    Not repeated here: `put`, whose bytes come once, and `keys`, which would tell some twice. A store repeats the single
    requests of which it makes them. Every byte that arrives is progress, and `read` may fail as often again after it.
    """

    def __init__(self, store: RemoteBlobStore, backoff: Backoff) -> None:
        self._store = store
        self._backoff = backoff

    async def put(self, key: BlobKey, data: AsyncIterable[bytes]) -> int:
        return await self._store.put(key, data)

    async def read(
        self, key: BlobKey, start: int = 0, stop: int | None = None
    ) -> AsyncIterator[bytes]:
        tries = self._backoff.tries()
        while True:
            reading = cast(AsyncGenerator[bytes, None], self._store.read(key, start, stop))
            try:
                async with aclosing(reading):
                    async for piece in reading:
                        start += len(piece)
                        yield piece
                        tries = self._backoff.tries()
                return
            except Unavailable as error:
                await tries.again(error)

    async def size(self, key: BlobKey) -> int:
        return await self._backoff.run(lambda: self._store.size(key))

    async def delete(self, key: BlobKey) -> None:
        await self._backoff.run(lambda: self._store.delete(key))

    def keys(self, prefix: str = "") -> AsyncIterator[BlobKey]:
        return self._store.keys(prefix)

    async def sweep_leftovers(self, older_than: float) -> int:
        return await self._store.sweep_leftovers(older_than)

    async def presign_get(
        self,
        key: BlobKey,
        *,
        expires: int,
        media_type: str | None = None,
        disposition: str | None = None,
    ) -> SignedRequest:
        return await self._store.presign_get(
            key, expires=expires, media_type=media_type, disposition=disposition
        )

    async def presign_put(self, key: BlobKey, *, size: int, expires: int) -> SignedRequest:
        return await self._store.presign_put(key, size=size, expires=expires)

    async def presign_form(self, key: BlobKey, *, size: int, expires: int) -> SignedForm:
        return await self._store.presign_form(key, size=size, expires=expires)

    async def marker(self) -> str | None:
        return await self._backoff.run(self._store.marker)

    async def mark(self, marker: str, *, anew: bool = False) -> str:
        return await self._backoff.run(lambda: self._store.mark(marker, anew=anew))

    async def set_aside(self, key: BlobKey) -> str:
        return await self._backoff.run(lambda: self._store.set_aside(key))

    async def check(self) -> None:
        await self._store.check()

    async def close(self) -> None:
        await self._store.close()
