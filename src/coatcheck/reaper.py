"""When to sweep: a loop with jitter, that logs what goes wrong and goes on."""

from __future__ import annotations

import asyncio
import logging
import random
from contextlib import suppress
from typing import Protocol, Self

log = logging.getLogger(__name__)


class Sweeps(Protocol):
    async def sweep(self) -> object: ...


class Reaper:
    """While it is open, a sweep about `every` seconds. Several at once, in several processes, do no harm."""

    def __init__(self, reaping: Sweeps, *, every: float) -> None:
        self._reaping = reaping
        self._every = every
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._loop(), name="reaper")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _loop(self) -> None:
        while True:
            # Workers that start together do not sweep together.
            await asyncio.sleep(self._every * random.uniform(0.5, 1.5))
            try:
                swept = await self._reaping.sweep()
                log.debug("swept: %s", swept)
            except Exception:
                log.exception("a sweep failed; the next one takes up what it left")
