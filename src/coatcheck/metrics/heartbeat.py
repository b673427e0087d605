"""The heartbeat of an event loop: how late it comes to what is due every 10 ms is how long everybody waited."""

from __future__ import annotations

import asyncio
from typing import Self

from coatcheck.metrics.catalogue import STALLS, WORST_STALL
from coatcheck.metrics.numbers import Numbers

_EVERY = 0.01


class Heartbeat:
    """While it is open, of the loop that opened it."""

    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers
        self._observe = numbers.observer(STALLS)
        self._worst = 0.0
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        self._next(asyncio.get_running_loop())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._timer:
            self._timer.cancel()

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        due = loop.time() + _EVERY
        self._timer = loop.call_at(due, self._beat, loop, due)

    def _beat(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        late = max(loop.time() - due, 0.0)
        self._observe(late)
        if late > self._worst:
            self._worst = late
            self._numbers.put(WORST_STALL, late)
        self._next(loop)
