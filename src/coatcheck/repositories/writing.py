"""Writing transactions: each by itself where the database has many writers, together where it has one.

SQLite has one, and a commit waits as long for the disk with one change as with ten. So whoever waits for a turn while
another writes goes on in the same transaction, behind a savepoint, and one commit is for all of them. Nobody has an
answer before it, also who was refused, since what one saw of another is true only once that is durable.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from typing import Protocol

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncTransaction

from coatcheck.domain.errors import Contended
from coatcheck.repositories.connecting import Connection, connected, seen_through, uninterrupted

#: Parts of one transaction; bounds how long the first of them waits for the last.
_TOGETHER = 64


class CommitFailed(Exception):
    """`error` is what the database said to the commit itself: nobody knows which way it went."""

    def __init__(self, error: DBAPIError) -> None:
        self.error = error


class Writing(Protocol):
    def part(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Durable when the block ends without an exception; undone when it ends with one. Raises CommitFailed."""
        ...


class Apart:
    """Each block is a transaction."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @asynccontextmanager
    async def part(self) -> AsyncIterator[AsyncConnection]:
        async with connected(self._engine) as connection:
            transaction = connection.begin()
            _ = await seen_through(self._engine, transaction.start())
            try:
                yield connection
            except BaseException:
                with suppress(DBAPIError):  # what is lost is undone by the database
                    await uninterrupted(transaction.rollback())
                raise
            try:
                await uninterrupted(transaction.commit())
            except DBAPIError as error:
                await connection.invalidate()
                raise CommitFailed(error) from error


class _Open:
    """A transaction that others may still go on in. `over` when it is committed, or what became of it instead."""

    def __init__(
        self, connection: Connection, transaction: AsyncTransaction, borrowed: AsyncExitStack
    ) -> None:
        self.connection = connection
        self.transaction = transaction
        self.borrowed = borrowed
        self.parts = 0
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def lost(self, error: Exception) -> None:
        self.over.set_exception(error)
        self.over.exception()  # looked at: there may be nobody left to hear of it


class Together:
    """Blocks take turns, and share the transaction with those that waited for theirs meanwhile."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._open: _Open | None = None
        self._closing: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def part(self) -> AsyncIterator[AsyncConnection]:
        failure: BaseException | None = None
        async with self._in_turn():
            shared = self._open or await self._begin()
            behind = shared.parts > 0
            try:
                # Not through SQLAlchemy's own savepoints, which it compiles each time.
                if behind:
                    await shared.connection.exec_driver_sql("SAVEPOINT part")
                yield shared.connection
                if behind:
                    await shared.connection.exec_driver_sql("RELEASE part")
            except BaseException as error:
                if not await uninterrupted(self._undone_alone(shared)):
                    raise
                failure = error
            else:
                await self._done(shared)
        try:
            await uninterrupted(shared.over)
        except CommitFailed as failed:
            if failure is None:
                raise
            if isinstance(
                failure, Exception
            ):  # of what it was refused for, nobody knows whether it is so
                raise Contended(retry_after=1) from failed
        if failure:
            raise failure

    @asynccontextmanager
    async def _in_turn(self) -> AsyncIterator[None]:
        self._waiting += 1
        try:
            await self._turn.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._turn.release()

    async def _begin(self) -> _Open:
        async with AsyncExitStack() as borrowed:
            connection = await borrowed.enter_async_context(connected(self._engine))
            transaction = connection.begin()
            _ = await transaction.start()
            self._open = _Open(connection, transaction, borrowed.pop_all())
            return self._open

    async def _done(self, shared: _Open) -> None:
        shared.parts += 1
        if not self._waiting or shared.parts >= _TOGETHER:
            await uninterrupted(self._commit(shared))
        elif shared.parts == 1:
            # Behind those who wait now, whatever becomes of them.
            closing = asyncio.create_task(self._close(shared))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def _undone_alone(self, shared: _Open) -> bool:
        """This part, while the others stay. Else all: there are no others, or the database gave up the transaction."""
        if shared.parts:
            # A statement that was broken off in its thread has cost the connection: SQLAlchemy refuses to go on.
            with suppress(SQLAlchemyError):
                await shared.connection.exec_driver_sql("ROLLBACK TO part")
                await shared.connection.exec_driver_sql("RELEASE part")
                return True
            shared.lost(Contended(retry_after=1))
        self._open = None
        async with shared.borrowed:
            with suppress(SQLAlchemyError):  # what is lost is undone by the database
                await shared.transaction.rollback()
        return False

    async def _close(self, shared: _Open) -> None:
        async with self._turn:
            if self._open is shared:
                await self._commit(shared)

    async def _commit(self, shared: _Open) -> None:
        self._open = None
        async with shared.borrowed:
            try:
                await shared.transaction.commit()
            except DBAPIError as error:
                shared.lost(CommitFailed(error))
                await shared.connection.invalidate()
            except BaseException:
                shared.lost(Contended(retry_after=1))
                raise
            else:
                shared.over.set_result(None)
