"""When to sweep: a loop with jitter, that logs what goes wrong and goes on, and trusts no clock that has jumped."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol, Self

from coatcheck.services.events import ClockJumped
from coatcheck.services.ports import Clock, Witness

log = logging.getLogger(__name__)

#: ms by which the wall clock may gain or lose between two sweeps. Between claim and reap there is as much.
TOLERANCE = 60_000


class Sweeps(Protocol):
    async def sweep(self) -> object: ...


class Postpones(Protocol):
    async def so_far(self) -> int: ...
    async def postpone(self, jump: int, known: int) -> int: ...


class SweepsAndPostpones(Sweeps, Protocol):
    @property
    def postponing(self) -> Postpones: ...


class ClockWatch:
    """Whether the wall clock has gone as the monotonic one since it was last looked at.

    Where it has not, the next sweep is left out; and where it was put forward, all ends are put off by as much,
    as nobody has had that time. Any number of processes may see the same jump.
    """

    def __init__(
        self,
        postponing: Postpones,
        clock: Clock,
        witness: Witness,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._postponing = postponing
        self._clock = clock
        self._witness = witness
        self._monotonic = monotonic
        self._ahead: int | None = None
        self._known = 0

    async def steady(self) -> bool:
        """Not at the first look, which has nothing to compare with. Raises what the database does: then look again."""
        # Before the clocks: what others put off after this is for a jump that we have yet to see.
        known = await self._postponing.so_far()
        ahead = self._clock.now() - round(self._monotonic() * 1000)
        if self._ahead is None:
            self._ahead, self._known = ahead, known
            return False
        jump = ahead - self._ahead
        if abs(jump) <= TOLERANCE:
            self._ahead, self._known = ahead, known
            return True
        if jump > 0:
            done = await self._postponing.postpone(jump, self._known)
            log.warning(
                "the clock was put forward by %.0f s: no sweep this time, and what would have expired is"
                " kept for as much longer (%.0f s of it by us)",
                jump / 1000,
                done / 1000,
            )
            self._known += jump
        else:
            log.warning(
                "the clock was put back by %.0f s: no sweep this time, and what expires does so later",
                -jump / 1000,
            )
        self._witness.tell(ClockJumped(seconds=jump / 1000))
        self._ahead = ahead
        return False


class Reaper:
    """While it is open, a sweep about `every` seconds. Several at once, in several processes, do no harm."""

    def __init__(self, reaping: Sweeps, *, every: float, watch: ClockWatch | None = None) -> None:
        self._reaping = reaping
        self._every = every
        self._watch = watch
        self._task: asyncio.Task[None] | None = None

    @classmethod
    def watchful(
        cls, reaping: SweepsAndPostpones, clock: Clock, witness: Witness, *, every: float
    ) -> Self:
        """One that keeps an eye on the clock that its sweeps go by."""
        return cls(reaping, every=every, watch=ClockWatch(reaping.postponing, clock, witness))

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._loop(), name="reaper")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _loop(self) -> None:
        with suppress(Exception):  # a database that is away now is told of at the first sweep
            await self._may_sweep()
        while True:
            # Workers that start together do not sweep together.
            await asyncio.sleep(self._every * random.uniform(0.5, 1.5))
            try:
                if await self._may_sweep():
                    swept = await self._reaping.sweep()
                    log.debug("swept: %s", swept)
            except Exception:
                log.exception("a sweep failed; the next one takes up what it left")

    async def _may_sweep(self) -> bool:
        return self._watch is None or await self._watch.steady()
