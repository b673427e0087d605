"""Connections that are given back whole, whatever happens to whoever borrowed them.

A task that is cancelled in the middle of a statement leaves its cursor open, and with it a lock on the database, until
the garbage collector comes by; one that is cancelled in a rollback leaves a connection that nobody has. All writers
would wait for them until they give up. So what was asked of the database is seen through, and the task cancelled then.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

T = TypeVar("T")


class Connection(AsyncConnection):
    """Its statements are not interrupted."""

    async def execute(self, *args: Any, **options: Any) -> Any:
        return await seen_through(self.engine, super().execute(*args, **options))


@asynccontextmanager
async def connected(engine: AsyncEngine) -> AsyncIterator[Connection]:
    if engine.dialect.name == "sqlite":
        # Whoever asks on and on, and never has to wait for an answer, gives others their turns.
        await asyncio.sleep(0)
    connection = Connection(engine)
    try:
        _ = await seen_through(engine, connection.start())
        yield connection
    finally:
        if connection.sync_connection is not None:
            await seen_through(engine, connection.close())


def seen_through(engine: AsyncEngine, work: Coroutine[Any, Any, T]) -> Coroutine[Any, Any, T]:
    """Not interrupted. SQLite's driver waits for hardly anything, and sees to that itself where it does.

    That nobody else has a turn meanwhile keeps its connections few, too: one serves all readers.
    """
    return work if engine.dialect.name == "sqlite" else uninterrupted(work)


async def uninterrupted(work: Awaitable[T]) -> T:
    """Await `work` to its end; a cancellation that came meanwhile is raised then."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
        except BaseException:
            break
    if cancelled is not None and not task.cancelled():
        task.exception()  # seen; the cancellation is what was asked for
        raise cancelled
    return task.result()
