"""A loop that decides by a seed which of the tasks that could go on does so next.

Nothing runs in a thread in it: what is asked of the database is done in the loop itself, statement by statement, and
the blobs are in memory. So a seed gives the same run each time, down to the last interleaving.
"""

from __future__ import annotations

import asyncio
import collections
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

import aiosqlite

from coatcheck.repositories import engine
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


class _Inline:
    """In place of the queue to an aiosqlite connection's thread: carries it out here, and tells at the next turn."""

    def put_nowait(self, order: tuple[asyncio.Future[Any] | None, Callable[[], Any]]) -> None:
        future, function = order
        loop = asyncio.get_running_loop()
        try:
            result = function()
        except BaseException as error:
            if future:
                loop.call_soon(aiosqlite.core.set_exception, future, error)
        else:
            if future:
                loop.call_soon(aiosqlite.core.set_result, future, result)


def _connect_here(connection: aiosqlite.Connection) -> Generator[Any, None, aiosqlite.Connection]:
    connection._tx = _Inline()  # type: ignore[assignment]
    return connection._connect().__await__()


@asynccontextmanager
async def simulated_core(data_dir: Path, **settings: Any) -> AsyncIterator[Core]:
    """An installation for a SimLoop. Readers never wait for writers in it: they would wait for ever."""
    with (
        mock.patch.object(aiosqlite.Connection, "__await__", _connect_here),
        mock.patch.object(engine, "write_ahead_log_is_safe", return_value=True),
        mock.patch.object(engine, "BUSY_TIMEOUT", 0),
    ):
        async with core(data_dir, blobs_url="memory:", **settings) as place:
            yield place
