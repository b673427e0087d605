"""Tenants, principals and their keys."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Row, and_, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from coatcheck.domain.principal import KeyRecord, Principal
from coatcheck.repositories.tables import keys, principals, quotas, tenants


class Keys:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def principal_of(self, key_hash: str, now: int) -> Principal | None:
        """Who holds the live key with this hash; None for unknown, revoked and expired ones alike."""
        row = (
            await self._connection.execute(_RECORDS.where(keys.c.hash == key_hash, _live(now)))
        ).one_or_none()
        if row is None:
            return None
        return Principal(
            id=row.principal_id,
            tenant_id=row.tenant_id,
            tenant=row.slug,
            login=row.login,
            display=row.display,
            key_id=row.id,
            scopes=frozenset(row.scopes),
        )

    async def add(
        self,
        *,
        tenant: str,
        login: str,
        display: str | None,
        key_hash: str,
        hint: str,
        scopes: list[str],
        now: int,
        expires_at: int | None,
    ) -> int:
        """Record a key; tenant, principal and its quota are made when they are new. The key's id."""
        # Another process may be making the same ones at this moment.
        make = sqlite.insert if self._connection.dialect.name == "sqlite" else postgresql.insert
        await self._connection.execute(
            make(tenants).values(slug=tenant, created_at=now).on_conflict_do_nothing()
        )
        tenant_id = await self._connection.scalar(
            select(tenants.c.id).where(tenants.c.slug == tenant)
        )
        await self._connection.execute(
            make(principals)
            .values(tenant_id=tenant_id, login=login, display=display or login, created_at=now)
            .on_conflict_do_nothing()
        )
        named = and_(principals.c.tenant_id == tenant_id, principals.c.login == login)
        principal_id = await self._connection.scalar(select(principals.c.id).where(named))
        if display is not None:
            await self._connection.execute(update(principals).where(named).values(display=display))
        await self._connection.execute(
            make(quotas).values(owner_id=principal_id).on_conflict_do_nothing()
        )
        created = await self._connection.execute(
            insert(keys).values(
                principal_id=principal_id,
                hash=key_hash,
                hint=hint,
                scopes=scopes,
                created_at=now,
                expires_at=expires_at,
            )
        )
        (key_id,) = created.inserted_primary_key or (0,)
        return int(key_id)

    async def all(self) -> list[KeyRecord]:
        rows = await self._connection.execute(_RECORDS.order_by(keys.c.id))
        return [_record(row) for row in rows]

    async def revoke(self, key_id: int, now: int) -> bool:
        """False when there is no live key with that id."""
        result = await self._connection.execute(
            update(keys)
            .where(keys.c.id == key_id, keys.c.revoked_at.is_(None))
            .values(revoked_at=now)
        )
        return result.rowcount == 1


_RECORDS = (
    select(
        keys.c.id,
        keys.c.principal_id,
        keys.c.hint,
        keys.c.scopes,
        keys.c.created_at,
        keys.c.expires_at,
        keys.c.revoked_at,
        principals.c.tenant_id,
        principals.c.login,
        principals.c.display,
        tenants.c.slug,
    )
    .join(principals, principals.c.id == keys.c.principal_id)
    .join(tenants, tenants.c.id == principals.c.tenant_id)
)


def _live(now: int) -> ColumnElement[bool]:
    return keys.c.revoked_at.is_(None) & or_(keys.c.expires_at.is_(None), keys.c.expires_at > now)


def _record(row: Row[*tuple[Any, ...]]) -> KeyRecord:
    fields = row._mapping
    return KeyRecord(
        id=fields["id"],
        tenant=fields["slug"],
        login=fields["login"],
        display=fields["display"],
        hint=fields["hint"],
        scopes=tuple(fields["scopes"]),
        created_at=fields["created_at"],
        expires_at=fields["expires_at"],
        revoked_at=fields["revoked_at"],
    )
