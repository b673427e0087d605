"""Moving: blobs go from one store to another while everything is in use, each one verified before its old copy goes."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import cast

from coatcheck.blobs.base import BlobExists, BlobKey, BlobMissing, BlobStore
from coatcheck.domain.digest import SHA256
from coatcheck.domain.errors import CoatcheckError
from coatcheck.services.intake import Hashes
from coatcheck.services.ports import Transactions
from coatcheck.services.turn import Turn

log = logging.getLogger(__name__)

#: Keys that are looked up together, and blobs that are on their way at once.
_BATCH = 100
_AT_ONCE = 4

#: The name under which the database remembers the keys of those.
_IN_HAND = "moving_in_hand"


@dataclass
class Moved:
    """Counts, and what stayed in the old store with the reason: damaged, failed, or belonging to nothing (now)."""

    blobs: int = 0
    size: int = 0
    unnamed: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)
    stopped: bool = False


class Moving:
    """Servers must know both stores already (COATCHECK_BLOBS_FROM), or they miss what has moved."""

    def __init__(
        self, transactions: Transactions, turn: Turn, *, old: BlobStore, new: BlobStore
    ) -> None:
        self._transactions = transactions
        self._turn = turn
        self._old = old
        self._new = new
        #: Copies that are to go, and could not be removed so far.
        self._unwanted: set[BlobKey] = set()

    async def move(self, stop: asyncio.Event, tell: Callable[[Moved], object]) -> Moved:
        """All that a row names. Whatever ends it in the middle, no blob is lost, and another run goes on.

        `stop` ends it after the blobs in hand. One run at a time: what is there already is then whole, and nobody takes
        it away again. Raises Unavailable where another one is at it.
        """
        async with self._turn.held(lost=stop.set):
            return await self._move(stop, tell)

    async def _move(self, stop: asyncio.Event, tell: Callable[[Moved], object]) -> Moved:
        moved = Moved()
        await self._forget_the_last_run()
        turns = asyncio.Semaphore(_AT_ONCE)
        async for keys in self._batches():
            named = await self._kept(keys)
            moved.unnamed += len(keys) - len(named)
            await self._note([*named, *self._unwanted])
            await asyncio.gather(
                *(self._one(key, named[key], turns, stop, moved) for key in keys if key in named)
            )
            tell(moved)
            if stop.is_set():
                moved.stopped = True
                break
        await self._note([*self._unwanted])
        return moved

    async def _note(self, keys: list[BlobKey]) -> None:
        """Copies may be made of these, or have been: no row tells of them, should their attachments go meanwhile."""
        async with self._transactions.write() as facts:
            await facts.installed.put(_IN_HAND, json.dumps(keys))

    async def _forget_the_last_run(self) -> None:
        """Copies go that it has made of what was deleted, and could not remove again."""
        async with self._transactions.read() as facts:
            noted = await facts.installed.get(_IN_HAND)
        keys = [BlobKey(key) for key in json.loads(noted or "[]")]
        kept = await self._kept(keys)
        for key in keys:
            if key not in kept:
                await self._remove(key)

    async def _remove(self, key: BlobKey) -> None:
        self._unwanted.add(key)
        await self._new.delete(key)
        self._unwanted.discard(key)

    async def _batches(self) -> AsyncIterator[list[BlobKey]]:
        keys: list[BlobKey] = []
        async for key in self._old.keys():
            keys.append(key)
            if len(keys) == _BATCH:
                yield keys
                keys = []
        if keys:
            yield keys

    async def _kept(self, keys: list[BlobKey]) -> dict[BlobKey, str | None]:
        """The SHA-256 on record, if it is, of those that belong to what is neither deleted nor expired."""
        async with self._transactions.read() as facts:
            found = await facts.attachments.kept_blobs(keys)
        return {BlobKey(key): digest for key, digest in found.items()}

    async def _one(
        self,
        key: BlobKey,
        recorded: str | None,
        turns: asyncio.Semaphore,
        stop: asyncio.Event,
        moved: Moved,
    ) -> None:
        async with turns:
            if stop.is_set():
                return
            try:
                size = await self._copy(key, recorded)
            except BlobMissing:
                return  # it was deleted
            except (CoatcheckError, _Damaged) as error:
                log.warning("blob %s stays in the old store: %s", key, error)
                moved.failures.append((key, str(error)))
                return
        if size is not None:
            moved.blobs += 1
            moved.size += size

    async def _copy(self, key: BlobKey, recorded: str | None) -> int | None:
        """Bytes moved; None where it was deleted meanwhile. Raises BlobMissing, _Damaged, Unavailable."""
        if (
            recorded is None
        ):  # it came past us: what the old store has is all there is to compare with
            recorded = await _Passing(self._old, key).read()
        passing = _Passing(self._old, key)
        try:
            await self._new.put(key, passing)
        except BlobExists:
            ours = False  # of a run that was ended here
        else:
            ours = True
        there = _Passing(self._new, key)
        if await there.read() != recorded:
            if ours:
                await self._new.delete(key)
            where = "old" if not ours or passing.sha256() != recorded else "new"
            raise _Damaged(f"its bytes in the {where} store are not those on record")
        # Whoever deletes it from here on finds the copy; whoever began before may have missed it.
        if not await self._kept([key]):
            await self._remove(key)
            return None
        await self._old.delete(key)
        return there.size


class _Damaged(Exception):
    """The bytes that arrived are not the ones on record."""


class _Passing(AsyncIterable[bytes]):
    """The bytes of a blob, hashed as they pass."""

    def __init__(self, store: BlobStore, key: BlobKey) -> None:
        self._store = store
        self._key = key
        self._hashes = Hashes({SHA256})
        self.size = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        reading = cast(AsyncGenerator[bytes, None], self._store.read(self._key))
        async with aclosing(reading):
            async for data in reading:
                await self._hashes.begin(data)
                self.size += len(data)
                yield data

    async def read(self) -> str:
        """To its end; the SHA-256."""
        async for _ in self:
            pass
        return self.sha256()

    def sha256(self) -> str:
        return self._hashes.hexdigests()[SHA256]
