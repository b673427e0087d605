"""A loop that decides by a seed which of the tasks that could go on does so next.

Nothing runs in a thread in it, each statement to the database gives the others a turn first, and the blobs are in
memory. So a seed gives the same run each time, down to the last interleaving.
"""

from __future__ import annotations

import asyncio
import collections
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

from coatcheck.repositories import engine, sqlite_driver
from coatcheck.repositories.connecting import uninterrupted
from tests.core import Core, core

T = TypeVar("T")


class SimLoop(asyncio.SelectorEventLoop):
    """Shuffles what is ready before each round; sleeping takes no time."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._dice = random.Random(seed)
        self._virtual = 0.0

    def reseed(self, seed: int) -> None:
        self._dice.seed(seed)

    def time(self) -> float:
        return self._virtual

    def _run_once(self) -> None:
        ready: collections.deque[Any] = self._ready  # type: ignore[attr-defined]
        if len(ready) > 1:
            shuffled = list(ready)
            self._dice.shuffle(shuffled)
            ready.clear()
            ready.extend(shuffled)
        scheduled: list[Any] = self._scheduled  # type: ignore[attr-defined]
        if not ready and scheduled:
            self._virtual = max(self._virtual, scheduled[0]._when)
        super()._run_once()  # type: ignore[misc]


def simulate(seed: int, work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=lambda: SimLoop(seed)) as runner:
        return runner.run(work)


def reseed(seed: int) -> None:
    """From here on the running loop does as this seed says."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SimLoop)
    loop.reseed(seed)


async def _in_the_loop(_threads: object, work: Callable[[], T]) -> T:
    """In place of a thread; others may have their turns before and after."""

    async def carry_out() -> T:
        await asyncio.sleep(0)
        result = work()
        await asyncio.sleep(0)
        return result

    return await uninterrupted(carry_out())


async def _at_some_time() -> None:
    """Before each statement: as if it had to wait, which it hardly ever has to."""
    await asyncio.sleep(0)


@asynccontextmanager
async def simulated_core(data_dir: Path, **settings: Any) -> AsyncIterator[Core]:
    """An installation for a SimLoop. Readers never wait for writers in it: they would wait for ever."""
    with (
        mock.patch.object(sqlite_driver, "_at_once", _at_some_time),
        mock.patch.object(sqlite_driver._Threads, "run", _in_the_loop),
        mock.patch.object(engine, "write_ahead_log_is_safe", return_value=True),
        mock.patch.object(engine, "BUSY_TIMEOUT", 0),
    ):
        async with core(data_dir, blobs_url="memory:", **settings) as place:
            yield place
