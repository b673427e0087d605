"""Reading: the bytes of an attachment, stitched from its parts as they are asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import cast

from coatcheck.blobs.base import BlobMissing, BlobStore, checked
from coatcheck.domain.attachment import Part, Slice, slices
from coatcheck.domain.errors import Corrupt
from coatcheck.services.ports import Transactions

#: Blobs whose sizes are asked for at once, which matters where each is an answer from another machine.
ASKED_AT_ONCE = 16


class Reading:
    def __init__(self, transactions: Transactions, blobs: BlobStore) -> None:
        self._transactions = transactions
        self._blobs = blobs

    async def check(self, parts: Sequence[Part], start: int, stop: int) -> None:
        """Every byte of [start, stop) is where it is recorded. Raises Corrupt, before a status line is out."""
        pieces = slices(parts, start, stop)
        if sum(piece.stop - piece.start for piece in pieces) != stop - start:
            raise Corrupt("Some parts are missing.")
        stored = [piece.part for piece in pieces if piece.part.blob_key is not None]
        for at in range(0, len(stored), ASKED_AT_ONCE):
            some = stored[at : at + ASKED_AT_ONCE]
            outcomes = await asyncio.gather(*map(self._check_size, some), return_exceptions=True)
            for outcome in outcomes:
                if isinstance(outcome, BaseException):
                    raise outcome

    async def _check_size(self, part: Part) -> None:
        try:
            size = await self._blobs.size(checked(str(part.blob_key)))
        except BlobMissing:
            raise Corrupt("A stored part is missing.") from None
        if size != part.size:
            raise Corrupt(
                "A stored part has another size than was recorded.",
                recorded=part.size,
                found=size,
            )

    async def span(
        self, parts: Sequence[Part], start: int, stop: int
    ) -> AsyncGenerator[bytes, None]:
        """The bytes [start, stop) of an attachment, in order.

        While one part is read, the first bytes of the next are on their way, and no more than these.
        """
        pieces = slices(parts, start, stop)
        ahead: _Begun | None = None
        try:
            for place, piece in enumerate(pieces, 1):
                run = ahead or self._begun(piece)
                ahead = self._begun(pieces[place]) if place < len(pieces) else None
                async with aclosing(run):
                    async for data in run.data():
                        yield data
        finally:
            if ahead is not None:
                await ahead.aclose()

    def _begun(self, piece: Slice) -> _Begun:
        return _Begun(self.part(piece.part, piece.start, piece.stop))

    async def part(self, part: Part, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """The bytes [start, stop) of one part. Raises Corrupt where there are fewer."""
        if part.blob_key is None:
            inline = part.inline
            if inline is None:
                async with self._transactions.read() as facts:
                    inline = await facts.attachments.part_bytes(part.id)
            yield inline[start:stop]
            return
        left = stop - start
        blob = self._blobs.read(checked(part.blob_key), start, stop)
        try:
            async with aclosing(cast(AsyncGenerator[bytes, None], blob)):
                async for data in blob:
                    left -= len(data)
                    yield data
        except BlobMissing:
            raise Corrupt("A stored part is missing.") from None
        if left:
            raise Corrupt("A stored part is shorter than was recorded.")


class _Begun:
    """A run of bytes of which the first piece is asked for before anybody waits for it."""

    def __init__(self, run: AsyncGenerator[bytes, None]) -> None:
        self._run = run
        self._first = asyncio.create_task(self._begin())

    async def data(self) -> AsyncIterator[bytes]:
        if first := await self._first:
            yield first
        async for data in self._run:
            yield data

    async def aclose(self) -> None:
        self._first.cancel()
        await asyncio.wait((self._first,))
        if not self._first.cancelled():
            self._first.exception()  # looked at: nobody asked for these bytes any more
        await self._run.aclose()

    async def _begin(self) -> bytes:
        return await anext(self._run, b"")


async def same_bytes(one: AsyncGenerator[bytes, None], other: AsyncGenerator[bytes, None]) -> bool:
    """Whether two runs hold the same bytes, however they are cut. Closes both."""
    left = right = b""
    async with aclosing(one), aclosing(other):
        while True:
            left = left or await anext(one, b"")
            right = right or await anext(other, b"")
            length = min(len(left), len(right))
            if not length:
                return left == right
            if left[:length] != right[:length]:
                return False
            left, right = left[length:], right[length:]
