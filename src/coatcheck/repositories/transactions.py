"""Transactions: the repositories, bound to one connection, between a begin and a durable commit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cached_property

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from coatcheck.domain.errors import OutcomeUnknown, StorageFull, Unavailable
from coatcheck.repositories import postgresql
from coatcheck.repositories.attachments import Attachments
from coatcheck.repositories.auditing import Auditing
from coatcheck.repositories.claims import Claims
from coatcheck.repositories.connecting import connected
from coatcheck.repositories.containers import Containers
from coatcheck.repositories.derivatives import Derivatives
from coatcheck.repositories.ends import Ends
from coatcheck.repositories.engine import for_reading
from coatcheck.repositories.failed_uploads import FailedUploads
from coatcheck.repositories.failures import contended, in_our_words, says_full
from coatcheck.repositories.folders import Folders
from coatcheck.repositories.installed import Installed
from coatcheck.repositories.intents import Intents
from coatcheck.repositories.keys import Keys
from coatcheck.repositories.listings import Listings
from coatcheck.repositories.lives import Lives
from coatcheck.repositories.people import People
from coatcheck.repositories.quotas import Quotas
from coatcheck.repositories.rates import Rates
from coatcheck.repositories.receiving import Receiving
from coatcheck.repositories.repairing import Repairing
from coatcheck.repositories.replays import Replays
from coatcheck.repositories.schema import REVISION, serves
from coatcheck.repositories.slots import Slots
from coatcheck.repositories.tallies import Tallies
from coatcheck.repositories.writing import Apart, CommitFailed, Together, Writing


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
    def ends(self) -> Ends:
        return Ends(self._connection)

    @cached_property
    def installed(self) -> Installed:
        return Installed(self._connection)

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
    def rates(self) -> Rates:
        return Rates(self._connection)

    @cached_property
    def receiving(self) -> Receiving:
        return Receiving(self._connection)

    @cached_property
    def failed_uploads(self) -> FailedUploads:
        return FailedUploads(self._connection)

    @cached_property
    def replays(self) -> Replays:
        return Replays(self._connection)

    @cached_property
    def slots(self) -> Slots:
        return Slots(self._connection)

    @cached_property
    def tallies(self) -> Tallies:
        return Tallies(self._connection)


class Transactions:
    """Opens them. `quota_bytes` and `quota_count` are the limits of owners without one of their own; 0 is none."""

    def __init__(self, engine: AsyncEngine, *, quota_bytes: int = 0, quota_count: int = 0) -> None:
        self._engine = engine
        self._reading = for_reading(engine)
        self._limits = quota_bytes, quota_count
        #: Why nothing may be written from here any more, if so.
        self.halted: str | None = None
        self._writing: Writing = (Together if engine.dialect.name == "sqlite" else Apart)(engine)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Facts]:
        """Durable when the block ends without an exception; undone when it ends with one.

        Raises Unavailable when the database cannot serve; Contended when it undid the block, which may be carried
        out again then (see services/contention.py); and OutcomeUnknown when it failed at the commit itself, so
        that nobody knows which way it went.
        """
        self._refuse_if_halted()
        with in_our_words():
            try:
                async with self._writing.part() as connection:
                    yield Facts(connection, *self._limits)
            except CommitFailed as failed:
                if contended(failed.error):
                    raise failed.error from None
                if says_full(failed.error):  # while it wrote, so it is undone
                    raise StorageFull(retry_after=60) from failed.error
                raise OutcomeUnknown(retry_after=1) from failed.error

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Facts]:
        """One consistent snapshot. Raises Unavailable."""
        with in_our_words():
            async with connected(self._reading) as connection:
                yield Facts(connection, *self._limits)

    async def check(self) -> None:
        """Raises Unavailable when the database does not answer, has a schema that this program cannot serve on, or
        does not keep what it commits; or when nothing may be written.
        """
        self._refuse_if_halted()
        with in_our_words():
            async with connected(self._reading) as connection:
                found, fits = await serves(connection)
                refused = []
                if connection.dialect.name == "postgresql":
                    refused = postgresql.refusals(await postgresql.in_force(connection))
        if refused:
            raise Unavailable(f"The database would lose what it was given: {refused[0]}.")
        if not fits:
            state = f"has version {found}" if found else "has not been set up"
            raise Unavailable(
                f"The database {state}, and this program needs version {REVISION}: run `coatcheck db upgrade`."
            )

    def _refuse_if_halted(self) -> None:
        if self.halted:
            raise Unavailable(self.halted, retry_after=60)
