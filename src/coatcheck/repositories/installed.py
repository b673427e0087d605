"""What the installation knows of itself: a few texts by name."""

from __future__ import annotations

from sqlalchemy import delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from coatcheck.repositories.tables import installation


class Installed:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, name: str, *, lock: bool = False) -> str | None:
        """With `lock`, nobody else changes it before the end of the transaction."""
        query = select(installation.c.value).where(installation.c.name == name)
        found: str | None = await self._connection.scalar(
            query.with_for_update() if lock else query
        )
        return found

    async def add(self, name: str, value: str) -> bool:
        """False, and nothing changed, where there is one of that name."""
        make = sqlite.insert if self._connection.dialect.name == "sqlite" else postgresql.insert
        result = await self._connection.execute(
            make(installation).values(name=name, value=value).on_conflict_do_nothing()
        )
        return result.rowcount == 1

    async def put(self, name: str, value: str) -> None:
        """In the place of the one that is there, if any. The caller has it locked, or is alone."""
        changed = await self._connection.execute(
            update(installation).where(installation.c.name == name).values(value=value)
        )
        if not changed.rowcount:
            await self._connection.execute(insert(installation).values(name=name, value=value))

    async def remove(self, name: str, value: str) -> None:
        """If it is still that."""
        await self._connection.execute(
            delete(installation).where(installation.c.name == name, installation.c.value == value)
        )
