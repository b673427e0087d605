"""Cancelling a piece of work at one of the points where it waits, chosen exactly."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class _Steps(Generic[T]):
    """Awaits `work`, and cancels the task that it is in whenever one of the chosen waits begins."""

    def __init__(self, work: Coroutine[Any, Any, T], at: Collection[int]) -> None:
        self.waits = 0
        self.cancelled = 0
        self._work = work
        self._at = at

    def __await__(self) -> Generator[Any, Any, T]:
        running = self._work.__await__()
        throw: BaseException | None = None
        while True:
            try:
                future = running.throw(throw) if throw else running.send(None)
            except StopIteration as end:
                result: T = end.value
                return result
            throw = None
            self.waits += 1
            if self.waits in self._at:
                self.cancelled += 1
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
            try:
                yield future
            except BaseException as error:
                throw = error


async def cancelled_at(work: Coroutine[Any, Any, T], *waits: int) -> tuple[T | None, bool]:
    """(what it returned or None, whether the first of the chosen waits was reached).

    Waits count from 1. A cancellation that comes out is what was asked for; any other error is raised.
    """
    steps = _Steps(work, waits)

    async def run() -> T:
        return await steps

    task = asyncio.create_task(run())
    await asyncio.wait((task,))
    if task.cancelled():
        assert steps.cancelled, "it was cancelled, and not by us"
        return None, True
    return task.result(), steps.cancelled > 0
