"""Asking again: how often, how long apart, and for how long in all."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from coatcheck.blobs.base import StoreRefuses
from coatcheck.domain.errors import StorageFull, Unavailable

T = TypeVar("T")


class Backoff:
    """At most `attempts`, none of which begins later than `deadline` seconds after the first.

    Before the nth repetition it waits a random time of up to `first` · 2ⁿ⁻¹ seconds, and never more than `longest`:
    what many ask for at once when a store comes back is spread. (AWS Architecture Blog, «Exponential backoff and
    jitter»: full jitter.)
    """

    def __init__(
        self,
        *,
        attempts: int = 4,
        first: float = 0.2,
        longest: float = 5.0,
        deadline: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._attempts = attempts
        self._first = first
        self._longest = longest
        self._deadline = deadline
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter

    async def run(self, operation: Callable[[], Awaitable[T]]) -> T:
        """The outcome of the first attempt that is not Unavailable; the last error when there is none."""
        tries = self.tries()
        while True:
            try:
                return await operation()
            except Unavailable as error:
                await tries.again(error)

    def tries(self) -> Tries:
        """For whoever has a loop of its own: the first attempt begins now."""
        return Tries(self._attempts, self._clock() + self._deadline, self._clock, self._wait)

    async def _wait(self, failed: int) -> None:
        most = min(self._longest, self._first * 2 ** (failed - 1))
        await self._sleep(most * self._jitter())


class Tries:
    def __init__(
        self,
        attempts: int,
        until: float,
        clock: Callable[[], float],
        wait: Callable[[int], Awaitable[None]],
    ) -> None:
        self._attempts = attempts
        self._until = until
        self._clock = clock
        self._wait = wait
        self._failed = 0

    async def again(self, error: Unavailable) -> None:
        """Returns when it is time for the next attempt; raises the error where there is to be none."""
        self._failed += 1
        if isinstance(error, StoreRefuses | StorageFull) or self._failed >= self._attempts:
            raise error
        await self._wait(self._failed)
        if self._clock() > self._until:
            raise error
