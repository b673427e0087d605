"""Bytes as they come, collected into parts of one size, and counted and summed on the way."""

from __future__ import annotations

import io
import zlib
from collections.abc import AsyncIterable


class Cutting:
    """`size` and `crc32` are those of all the parts given out so far, and of the bytes waiting for the next."""

    def __init__(self, data: AsyncIterable[bytes], part_size: int) -> None:
        self._data = aiter(data)
        self._part_size = part_size
        self._over = memoryview(b"")
        self._ended = False
        self.size = 0
        self.crc32 = 0

    async def next(self) -> io.BytesIO:
        """The next part, rewound: whole but for the last one; empty when there are no more bytes."""
        part = io.BytesIO()
        room = self._part_size
        while room:
            if not self._over:
                if self._ended:
                    break
                await self._more()
            taken = self._over[:room]
            self._over = self._over[room:]
            room -= part.write(taken)
        part.seek(0)
        return part

    async def _more(self) -> None:
        try:
            piece = await anext(self._data)
        except StopAsyncIteration:
            self._ended = True
            return
        self.size += len(piece)
        self.crc32 = zlib.crc32(piece, self.crc32)
        # A copy, unless it is bytes already: its sender may use the buffer again.
        self._over = memoryview(bytes(piece))


def length(part: io.BytesIO) -> int:
    with part.getbuffer() as view:
        return view.nbytes
