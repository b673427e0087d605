"""Finishing what was begun although the caller is gone, and breaking off what goes on beside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

T = TypeVar("T")


@asynccontextmanager
async def meanwhile(work: Coroutine[Any, Any, object], name: str) -> AsyncIterator[None]:
    """It goes on beside the block, and is broken off at its end. `name` is the task's."""
    task = asyncio.create_task(work, name=name)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def to_the_end(work: Awaitable[T]) -> T:
    """Await `work`; when cancelled meanwhile, let it finish all the same, and be cancelled then.

    A client that hangs up cancels its request, and must not leave bytes recorded by half.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            if task.cancelled():
                raise
            cancelled = error
        except BaseException:
            break
    if cancelled is not None:
        task.exception()  # seen; the cancellation is what the caller asked for
        raise cancelled
    return task.result()
