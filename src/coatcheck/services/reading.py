"""Reading: the bytes of an attachment, stitched from its parts as they are asked for."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import cast

from coatcheck.blobs.base import BlobMissing, BlobStore, checked
from coatcheck.domain.attachment import Part, slices
from coatcheck.domain.errors import Corrupt
from coatcheck.services.ports import Transactions


class Reading:
    def __init__(self, transactions: Transactions, blobs: BlobStore) -> None:
        self._transactions = transactions
        self._blobs = blobs

    async def check(self, parts: Sequence[Part], start: int, stop: int) -> None:
        """Every byte of [start, stop) is where it is recorded. Raises Corrupt, before a status line is out."""
        pieces = slices(parts, start, stop)
        if sum(piece.stop - piece.start for piece in pieces) != stop - start:
            raise Corrupt("Some parts are missing.")
        for piece in pieces:
            if piece.part.blob_key is None:
                continue
            try:
                size = await self._blobs.size(checked(piece.part.blob_key))
            except BlobMissing:
                raise Corrupt("A stored part is missing.") from None
            if size != piece.part.size:
                raise Corrupt(
                    "A stored part has another size than was recorded.",
                    recorded=piece.part.size,
                    found=size,
                )

    async def span(
        self, parts: Sequence[Part], start: int, stop: int
    ) -> AsyncGenerator[bytes, None]:
        """The bytes [start, stop) of an attachment, in order."""
        for piece in slices(parts, start, stop):
            async with aclosing(self.part(piece.part, piece.start, piece.stop)) as run:
                async for data in run:
                    yield data

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
