"""Principals as the others of their tenant see them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from coatcheck.domain.principal import Person
from coatcheck.repositories.rows import of_few
from coatcheck.repositories.tables import principals

_COLUMNS = [principals.c[name] for name in ("id", "login", "display")]


class People:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def some(self, tenant_id: int, ids: Iterable[int]) -> list[Person]:
        rows = await self._connection.execute(
            select(*_COLUMNS).where(
                of_few(principals.c.tenant_id) == tenant_id, principals.c.id.in_(list(ids))
            )
        )
        return [_person(row) for row in rows]

    async def by_login(self, tenant_id: int, login: str) -> Person | None:
        rows = await self._connection.execute(
            select(*_COLUMNS).where(
                principals.c.tenant_id == tenant_id, principals.c.login == login
            )
        )
        row = rows.one_or_none()
        return _person(row) if row else None


def _person(row: Row[Any]) -> Person:
    return Person(**row._mapping)
