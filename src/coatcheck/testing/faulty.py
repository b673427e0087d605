"""A blob store that fails when told to."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from typing import Literal

from coatcheck.blobs.base import BlobKey, BlobStore

Operation = Literal["put", "read", "size", "delete", "keys"]


class FaultyBlobStore:
    """Passes everything on to `store`, except that the nth `op` (from 1) raises `error`.

    With `after=True` it raises once the operation has been carried out, as when an answer is lost.
    To walk through every operation of a workload, raise `nth` until `fired` stays False.
    """

    def __init__(
        self,
        store: BlobStore,
        op: Operation,
        nth: int,
        error: BaseException,
        *,
        after: bool = False,
    ) -> None:
        self._store = store
        self.arm(op, nth, error, after=after)

    def arm(self, op: Operation, nth: int, error: BaseException, *, after: bool = False) -> None:
        """Count anew from here."""
        self.fired = False
        self._op = op
        self._left = nth
        self._error = error
        self._after = after

    def disarm(self) -> None:
        """From here on nothing fails; `fired` stays as it is."""
        self._left = 0

    async def put(self, key: BlobKey, data: AsyncIterable[bytes]) -> int:
        due = self._due("put")
        stored = await self._store.put(key, data)
        self._fail_if(due)
        return stored

    async def read(
        self, key: BlobKey, start: int = 0, stop: int | None = None
    ) -> AsyncIterator[bytes]:
        due = self._due("read")
        async for piece in self._store.read(key, start, stop):
            yield piece
        self._fail_if(due)

    async def size(self, key: BlobKey) -> int:
        due = self._due("size")
        size = await self._store.size(key)
        self._fail_if(due)
        return size

    async def delete(self, key: BlobKey) -> None:
        due = self._due("delete")
        await self._store.delete(key)
        self._fail_if(due)

    async def keys(self, prefix: str = "") -> AsyncIterator[BlobKey]:
        due = self._due("keys")
        async for key in self._store.keys(prefix):
            yield key
        self._fail_if(due)

    def _due(self, op: Operation) -> bool:
        """Whether this very call is the one that fails; it does so at once unless it is to fail after."""
        if op != self._op:
            return False
        self._left -= 1
        due = self._left == 0
        if due and not self._after:
            self._fail_if(due)
        return due

    def _fail_if(self, due: bool) -> None:
        if due:
            self.fired = True
            raise self._error
