"""Finishing what was begun although the caller is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


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
