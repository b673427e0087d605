"""Transactions: the repositories, bound to one connection, between a begin and a durable commit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress
from functools import cached_property

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from coatcheck.domain.errors import OutcomeUnknown, StorageFull, Unavailable
from coatcheck.repositories.attachments import Attachments
from coatcheck.repositories.auditing import Auditing
from coatcheck.repositories.claims import Claims
from coatcheck.repositories.connecting import connected, uninterrupted
from coatcheck.repositories.containers import Containers
from coatcheck.repositories.derivatives import Derivatives
from coatcheck.repositories.engine import READ_ONLY
from coatcheck.repositories.failed_uploads import FailedUploads
from coatcheck.repositories.folders import Folders
from coatcheck.repositories.intents import Intents
from coatcheck.repositories.keys import Keys
from coatcheck.repositories.listings import Listings
from coatcheck.repositories.lives import Lives
from coatcheck.repositories.people import People
from coatcheck.repositories.quotas import Quotas
from coatcheck.repositories.receiving import Receiving
from coatcheck.repositories.repairing import Repairing
from coatcheck.repositories.replays import Replays
from coatcheck.repositories.schema import REVISION, revision


class Facts:
    """All repositories over one connection; what they do is one transaction."""

    def __init__(self, connection: AsyncConnection, quota_bytes: int, quota_count: int) -> None:
        self._connection = connection
        self._limits = quota_bytes, quota_count

    @cached_property
    def attachments(self) -> Attachments:
        return Attachments(self._connection)

    @cached_property
    def auditing(self) -> Auditing:
        return Auditing(self._connection)

    @cached_property
    def repairing(self) -> Repairing:
        return Repairing(self._connection)

    @cached_property
    def claims(self) -> Claims:
        return Claims(self._connection)

    @cached_property
    def containers(self) -> Containers:
        return Containers(self._connection)

    @cached_property
    def derivatives(self) -> Derivatives:
        return Derivatives(self._connection)

    @cached_property
    def folders(self) -> Folders:
        return Folders(self._connection)

    @cached_property
    def intents(self) -> Intents:
        return Intents(self._connection)

    @cached_property
    def keys(self) -> Keys:
        return Keys(self._connection)

    @cached_property
    def listings(self) -> Listings:
        return Listings(self._connection)

    @cached_property
    def lives(self) -> Lives:
        return Lives(self._connection)

    @cached_property
    def people(self) -> People:
        return People(self._connection)

    @cached_property
    def quotas(self) -> Quotas:
        return Quotas(self._connection, *self._limits)

    @cached_property
    def receiving(self) -> Receiving:
        return Receiving(self._connection)

    @cached_property
    def failed_uploads(self) -> FailedUploads:
        return FailedUploads(self._connection)

    @cached_property
    def replays(self) -> Replays:
        return Replays(self._connection)


class Transactions:
    """Opens them. `quota_bytes` and `quota_count` are the limits of owners without one of their own; 0 is none."""

    def __init__(self, engine: AsyncEngine, *, quota_bytes: int = 0, quota_count: int = 0) -> None:
        self._engine = engine
        self._reading = engine.execution_options(**{READ_ONLY: True})
        self._limits = quota_bytes, quota_count
        # SQLite has one writer: queueing here costs nothing, polling for the file lock costs milliseconds.
        self._turn = asyncio.Lock() if engine.dialect.name == "sqlite" else nullcontext()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Facts]:
        """Durable when the block ends without an exception; undone when it ends with one.

        Raises Unavailable when the database cannot serve, and OutcomeUnknown when it failed at the commit
        itself, so that nobody knows which way it went.
        """
        with _in_our_words():
            async with self._turn, connected(self._engine) as connection:
                transaction = connection.begin()
                _ = await uninterrupted(transaction.start())
                try:
                    yield Facts(connection, *self._limits)
                except BaseException:
                    with suppress(DBAPIError):  # what is lost is undone by the database
                        await uninterrupted(transaction.rollback())
                    raise
                try:
                    await uninterrupted(transaction.commit())
                except DBAPIError as error:
                    await connection.invalidate()
                    if _says_full(error):  # while it wrote, so it is undone
                        raise StorageFull(retry_after=60) from error
                    raise OutcomeUnknown(str(error.orig)) from error

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Facts]:
        """One consistent snapshot. Raises Unavailable."""
        with _in_our_words():
            async with connected(self._reading) as connection:
                yield Facts(connection, *self._limits)

    async def check(self) -> None:
        """Raises Unavailable when the database does not answer, or has not the schema this program is written for."""
        with _in_our_words():
            async with connected(self._reading) as connection:
                found = await revision(connection)
        if found != REVISION:
            state = f"has version {found}" if found else "has not been set up"
            raise Unavailable(
                f"The database {state}, and this program needs version {REVISION}: run `coatcheck db upgrade`."
            )


class _in_our_words:  # noqa: N801 - reads as a phrase where it is used
    """Turns a database that cannot serve into Unavailable; programming errors stay what they are."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, PoolTimeoutError):
            raise Unavailable("The database is too busy.", retry_after=1) from error
        if isinstance(error, OperationalError):
            if _says_full(error):
                raise StorageFull(retry_after=60) from error
            raise Unavailable("The database cannot serve now.", retry_after=1) from error


def _says_full(error: DBAPIError) -> bool:
    """SQLite: «database or disk is full». PostgreSQL: class 53100, «No space left on device»."""
    text = str(error.orig)
    return "disk is full" in text or "No space left on device" in text
