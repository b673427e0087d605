"""Availability: whether database and blob store answer, asked again before a body is read once either has failed.

A client that has sent its bytes cannot always send them again. So after a failure of the database or the store, uploads
ask first whether it is back; all that wait at once share one question.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Literal

from coatcheck.blobs.base import BlobMissing, BlobStore, new_blob_key
from coatcheck.domain.errors import CoatcheckError, Contended, StorageFull, Unavailable
from coatcheck.services.commands import Limits
from coatcheck.services.ports import Transactions

Dependency = Literal["database", "blobs"]

#: Seconds that an answer may take.
PATIENCE = 3

#: Seconds after which a refused upload may come again.
_RETRY_AFTER = 5

_OK = "ok"


class Availability:
    def __init__(self, transactions: Transactions, blobs: BlobStore, limits: Limits) -> None:
        self._blobs = blobs
        self._inline_max = limits.inline_max
        self._questions: dict[Dependency, Callable[[], Awaitable[None]]] = {
            "database": transactions.check,
            "blobs": self._ask_blobs,
        }
        self._asking: dict[Dependency, asyncio.Task[str]] = {}
        self._doubted: set[Dependency] = set()

    def failed(self, error: Exception) -> None:
        """A request did. Where that may be because something is away, the next upload will ask."""
        if isinstance(error, Unavailable) and not isinstance(error, Contended | StorageFull):
            self._doubted |= self._questions.keys()

    async def expect(self, size: float) -> None:
        """Before a body of so many bytes is read, as far as is known. Raises Unavailable where it could not be kept.

        What fits into a row does not need the store.
        """
        needed: list[Dependency] = (
            ["database"] if size <= self._inline_max else ["database", "blobs"]
        )
        for name in needed:
            if name in self._doubted and (answer := await self._ask(name)) != _OK:
                raise Unavailable(answer, retry_after=_RETRY_AFTER)

    async def look(self) -> dict[Dependency, str]:
        """Of each "ok", or why it cannot be used."""
        answers = await asyncio.gather(*map(self._ask, self._questions))
        return dict(zip(self._questions, answers, strict=True))

    async def close(self) -> None:
        for task in self._asking.values():
            task.cancel()
        await asyncio.gather(*self._asking.values(), return_exceptions=True)

    async def _ask(self, name: Dependency) -> str:
        """One question at a time, however many wait: what hangs must not gather more that hangs."""
        task = self._asking.get(name)
        if task is None or task.done():
            task = self._asking[name] = asyncio.create_task(_answer(self._questions[name]()))
        await asyncio.wait({task}, timeout=PATIENCE)
        answer = task.result() if task.done() else f"no answer within {PATIENCE} s"
        if answer == _OK:
            self._doubted.discard(name)
        else:
            self._doubted.add(name)
        return answer

    async def _ask_blobs(self) -> None:
        with suppress(BlobMissing):
            await self._blobs.size(new_blob_key())


async def _answer(question: Awaitable[None]) -> str:
    try:
        await question
    except CoatcheckError as error:
        return error.detail
    return _OK
