"""Bodies for tests, with what a consumer of one may rely on."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterable


class Chunks:
    """A body that arrives in these chunks; with `hang_up` the sender goes away after the last."""

    def __init__(self, chunks: Iterable[bytes], *, hang_up: bool = False) -> None:
        self.cut = False
        self.taken = 0
        self._chunks = list(chunks)
        self._hang_up = hang_up

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            self.taken += len(chunk)
            yield chunk
        self.cut = self._hang_up


def pieces(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    """The data cut at these places."""
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    return [data[start:stop] for start, stop in itertools.pairwise(places)]


async def gathered(body: AsyncIterator[bytes] | Chunks) -> bytes:
    """All the bytes that a body brings."""
    return b"".join([piece async for piece in aiter(body)])
