"""Intake: what happens to every byte on its way in. Count, bound, hash, keep the head; one pass, nothing kept."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Self

from coatcheck.domain.errors import Incomplete, TooLarge
from coatcheck.services.ports import Body, ImageProbe

#: Bytes handed on at a time: large enough that a thread hop costs nothing, small enough for hundreds of uploads.
BATCH = 1024 * 1024

#: The same while bodies together have more than AMPLE bytes in memory: many that wait must not add up.
SHORT_BATCH = 64 * 1024
AMPLE = 32 * 1024 * 1024

#: First bytes kept for sniffing.
HEAD = 4096

#: Below this a digest takes less time than handing the bytes to a thread.
_HASH_HERE = 32 * 1024

_hashing = ThreadPoolExecutor(max_workers=8, thread_name_prefix="hash")


class Hashes:
    """Digests of a run of bytes, computed beside the event loop, one thread an algorithm."""

    def __init__(self, algorithms: Iterable[str]) -> None:
        self._hashes = {
            name: hashlib.new(name, usedforsecurity=False) for name in sorted(algorithms)
        }

    def begin(self, *pieces: bytes) -> Awaitable[object]:
        """Start on the next bytes; await the result before the next call."""
        if sum(map(len, pieces)) <= _HASH_HERE:
            for each in self._hashes.values():
                _add(each, pieces)
            return _nothing()
        loop = asyncio.get_running_loop()
        return asyncio.gather(
            *(loop.run_in_executor(_hashing, _add, each, pieces) for each in self._hashes.values())
        )

    def hexdigests(self) -> dict[str, str]:
        return {name: each.hexdigest() for name, each in self._hashes.items()}

    def copy(self) -> Hashes:
        twin = Hashes(())
        twin._hashes = {name: each.copy() for name, each in self._hashes.items()}
        return twin


def _add(digest: hashlib._Hash, pieces: Sequence[bytes]) -> None:
    for piece in pieces:
        digest.update(piece)


async def _nothing() -> None:
    return None


class Held:
    """Bytes that the bodies of one process have in memory before a store has them."""

    def __init__(self) -> None:
        self.total = 0


class Intake:
    """Iterate it once; afterwards `size`, `head` and `digests()` tell what passed.

    `passing` is awaited with the count so far whenever bytes come, and before a batch is handed on, so that room is
    there before bytes are stored.
    An empty piece says that what came before it is to be written now, as memory is short. Use it as a context, which
    ends when nothing of it is in memory any more.
    Raises TooLarge at the first byte above `max_size`, Incomplete where the sender hung up or `expected` bytes did not
    come.
    """

    def __init__(
        self,
        body: Body,
        *,
        algorithms: Iterable[str],
        max_size: int,
        expected: int | None = None,
        passing: Callable[[int], Awaitable[None]] | None = None,
        probe: ImageProbe | None = None,
        together: Held | None = None,
    ) -> None:
        self._together = together or Held()
        self._held = 0
        self._body = body
        self._source = aiter(body)
        self._hashes = Hashes(algorithms)
        self._max_size = max_size
        self._expected = expected
        self._passing = passing
        self._probe = probe
        self._unread: list[bytes] = []
        self.size = 0
        self.head = b""

    async def taste(self, limit: int) -> bytes | None:
        """The whole body, when it is no longer than `limit`; None when it is, and nothing is lost then."""
        arrived = 0
        async for data in self._source:
            self._unread.append(data)
            self._hold(len(data))
            arrived += len(data)
            if arrived > limit:
                return None
            self._bound(arrived)
        whole = b"".join(self._unread)
        self._unread = []
        self._count([whole])
        await self._hashes.begin(whole)
        self._finish()
        return whole

    async def read_while(self, other: asyncio.Future[None]) -> None:
        """Take in what comes until that is done, and no more than is handed on at a time."""
        held = sum(map(len, self._unread))
        while not self._enough(held) and not other.done():
            data = await anext(self._source, None)
            if data is None:
                return
            self._unread.append(data)
            self._hold(len(data))
            held += len(data)
            self._bound(held)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        hashed: Awaitable[object] = _nothing()
        try:
            async for batch in self._batches():
                self._count(batch)
                if self._passing:
                    await self._passing(self.size)
                await hashed
                hashed = self._hashes.begin(*batch)
                for piece in batch:
                    yield piece
                if self._is_scarce():
                    yield b""
        finally:
            await hashed
        self._finish()

    def digests(self) -> dict[str, str]:
        return self._hashes.hexdigests()

    @property
    def dimensions(self) -> tuple[int, int] | None:
        """Width and height, where what passed is a picture."""
        return self._probe.dimensions if self._probe else None

    async def _batches(self) -> AsyncIterator[list[bytes]]:
        """Pieces as they came, about 1 MiB of them: to join them would cost as much as to store them."""
        gathered, self._unread = self._unread, []
        size = sum(map(len, gathered))
        if self._passing:  # what came meanwhile may have taken its time
            await self._passing(size)
        async for data in self._source:
            gathered.append(data)
            self._hold(len(data))
            size += len(data)
            self._bound(self.size + size)
            if (
                self._passing
            ):  # now, as a slow sender's batch takes longer to fill than a lease lasts
                await self._passing(self.size + size)
            if self._enough(size):
                yield gathered
                gathered, size = [], 0
                self._release()
        if gathered:
            yield gathered

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._release()

    def _release(self) -> None:
        """What was taken in is in memory no longer."""
        self._together.total -= self._held
        self._held = 0

    def _hold(self, size: int) -> None:
        self._held += size
        self._together.total += size

    def _is_scarce(self) -> bool:
        return self._together.total > AMPLE

    def _enough(self, size: int) -> bool:
        return size >= (SHORT_BATCH if self._is_scarce() else BATCH)

    def _count(self, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            if len(self.head) < HEAD:
                self.head += piece[: HEAD - len(self.head)]
            if self._probe:
                self._probe.feed(piece)
            self.size += len(piece)
        self._bound(self.size)

    def _bound(self, size: int) -> None:
        if size > self._max_size:
            raise TooLarge(limit=self._max_size)
        if self._expected is not None and size > self._expected:
            raise Incomplete("More bytes arrived than were announced.", expected=self._expected)

    def _finish(self) -> None:
        if self._body.cut:
            raise Incomplete("The sender hung up.", received=self.size)
        if self._expected is not None and self.size != self._expected:
            raise Incomplete(expected=self._expected, received=self.size)
