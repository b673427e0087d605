"""Uploads that failed with bytes in them, by the hashes of who sent them and what they were called."""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from coatcheck.repositories.sqlite_driver import MANY_ROWS
from coatcheck.repositories.tables import failed_uploads


class FailedUploads:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def note(self, who: str, name: str, now: int) -> None:
        make = sqlite.insert if self._connection.dialect.name == "sqlite" else postgresql.insert
        await self._connection.execute(
            make(failed_uploads)
            .values(who=who, name=name, failed_at=now)
            .on_conflict_do_update(index_elements=["who", "name"], set_={"failed_at": now})
        )

    async def forget(self, who: str, name: str) -> None:
        await self._connection.execute(
            delete(failed_uploads).where(failed_uploads.c.who == who, failed_uploads.c.name == name)
        )

    async def happened_since(self, who: str, name: str, since: int) -> bool:
        found = await self._connection.execute(
            select(1).where(
                failed_uploads.c.who == who,
                failed_uploads.c.name == name,
                failed_uploads.c.failed_at > since,
            )
        )
        return found.first() is not None

    async def forget_before(self, before: int) -> int:
        """How many."""
        result = await self._connection.execute(
            delete(failed_uploads).where(failed_uploads.c.failed_at < before),
            execution_options={MANY_ROWS: True},
        )
        return result.rowcount
