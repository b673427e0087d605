"""Containers kept here: small JSON documents with all their versions, and bare names of those kept elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sqlalchemy import Row, bindparam, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from coatcheck.domain.container import Container, ContainerRef, ContainerVersion, Sieve, Tally
from coatcheck.domain.pages import CountedPage, Page, Window
from coatcheck.repositories.paging import page
from coatcheck.repositories.rows import of_few
from coatcheck.repositories.sifting import sifted
from coatcheck.repositories.tables import (
    attachments,
    claims,
    container_versions,
    containers,
    counters,
)

# Statements of each claim are made once: to make one takes longer than to carry it out.
_ENSURE = {
    dialect.name: make(containers)
    .on_conflict_do_nothing(index_elements=["tenant_id", "kind", "external_id"])
    .returning(containers)
    for dialect, make in (
        (sqlite.dialect, sqlite.insert),
        (postgresql.dialect, postgresql.insert),
    )
}
_FIND = select(containers).where(
    containers.c.tenant_id == bindparam("tenant"),
    containers.c.kind == bindparam("kind"),
    containers.c.external_id == bindparam("name"),
)
_BY_ROW = select(containers).where(
    of_few(containers.c.tenant_id) == bindparam("tenant"),
    containers.c.id.in_(bindparam("ids", expanding=True)),
)
_FIND_TO_CHANGE = _FIND.with_for_update(key_share=True)


class Containers:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def next_number(self, tenant_id: int, series: str) -> int:
        """1, 2, 3, …: each is given out once."""
        make = sqlite.insert if self._connection.dialect.name == "sqlite" else postgresql.insert
        given = await self._connection.execute(
            make(counters)
            .values(tenant_id=tenant_id, name=series, value=1)
            .on_conflict_do_update(
                index_elements=["tenant_id", "name"], set_={"value": counters.c.value + 1}
            )
            .returning(counters.c.value)
        )
        return int(given.scalar_one())

    async def add(
        self,
        *,
        tenant_id: int,
        owner_id: int,
        ref: ContainerRef,
        now: int,
        alias: str | None = None,
        parent_id: int | None = None,
    ) -> Container | None:
        """A new one, at version 1, still to be filled; None where somebody else took one of its names."""
        make = sqlite.insert if self._connection.dialect.name == "sqlite" else postgresql.insert
        created = await self._connection.execute(
            make(containers)
            .values(
                tenant_id=tenant_id,
                owner_id=owner_id,
                kind=ref.kind,
                external_id=ref.external_id,
                alias=alias,
                parent_id=parent_id,
                version=1,
                body={},
                created_at=now,
                updated_at=now,
            )
            .on_conflict_do_nothing()
            .returning(containers)
        )
        row = created.one_or_none()
        return _container(row) if row else None

    async def fill(self, container: Container, body: dict[str, Any]) -> Container:
        """Its first version, in the transaction that added it."""
        await self._connection.execute(
            update(containers).where(containers.c.id == container.id).values(body=body)
        )
        filled = replace(container, body=body)
        await self._keep_version(filled)
        return filled

    async def ensure(
        self, *, tenant_id: int, owner_id: int, ref: ContainerRef, now: int
    ) -> Container:
        """The one with that name, made if it is new, and locked; for containers whose substance is kept elsewhere."""
        made = await self._connection.execute(
            _ENSURE[self._connection.dialect.name],
            {
                "tenant_id": tenant_id,
                "owner_id": owner_id,
                "kind": ref.kind,
                "external_id": ref.external_id,
                "version": 1,
                "body": {},
                "created_at": now,
                "updated_at": now,
            },
        )
        row = made.one_or_none()
        found = _container(row) if row else await self.find(tenant_id, ref, lock=True)
        if found is None:
            raise LookupError(ref)
        return found

    async def find(
        self, tenant_id: int, ref: ContainerRef, *, lock: bool = False
    ) -> Container | None:
        """Also a deleted one: its tombstone says so. With `lock` nobody else changes what it holds meanwhile."""
        named = {"tenant": tenant_id, "kind": ref.kind, "name": ref.external_id}
        rows = await self._connection.execute(_FIND_TO_CHANGE if lock else _FIND, named)
        row = rows.one_or_none()
        return _container(row) if row else None

    async def find_by_alias(self, tenant_id: int, kind: str, alias: str) -> Container | None:
        """Also a deleted one."""
        where = (
            containers.c.tenant_id == tenant_id,
            containers.c.kind == kind,
            containers.c.alias == alias,
        )
        row = (await self._connection.execute(select(containers).where(*where))).one_or_none()
        return _container(row) if row else None

    async def find_by_row(self, tenant_id: int, ids: Iterable[int]) -> list[Container]:
        """By their row ids; also deleted ones."""
        rows = await self._connection.execute(_BY_ROW, {"tenant": tenant_id, "ids": list(ids)})
        return [_container(row) for row in rows]

    async def children(self, parent_id: int, kind: str) -> list[Container]:
        """Live ones, oldest first."""
        rows = await self._connection.execute(
            select(containers)
            .where(
                containers.c.parent_id == parent_id,
                containers.c.kind == kind,
                containers.c.deleted_at.is_(None),
            )
            .order_by(containers.c.id)
        )
        return [_container(row) for row in rows]

    async def amend(self, container: Container, body: dict[str, Any], now: int) -> Container | None:
        """A new version upon exactly this one; None when another was first."""
        row = (
            await self._connection.execute(
                update(containers)
                .where(
                    containers.c.id == container.id,
                    containers.c.version == container.version,
                    containers.c.deleted_at.is_(None),
                )
                .values(version=container.version + 1, body=body, updated_at=now)
                .returning(containers)
            )
        ).one_or_none()
        if row is None:
            return None
        amended = _container(row)
        await self._keep_version(amended)
        return amended

    async def delete(
        self, container: Container, body: dict[str, Any], now: int
    ) -> Container | None:
        """Leave a tombstone with that body; None when it was deleted already."""
        row = (
            await self._connection.execute(
                update(containers)
                .where(containers.c.id == container.id, containers.c.deleted_at.is_(None))
                .values(body=body, updated_at=now, deleted_at=now)
                .returning(containers)
            )
        ).one_or_none()
        return _container(row) if row else None

    async def versions(self, container_id: int, window: Window) -> CountedPage[ContainerVersion]:
        """Newest first; the id of a mark is the version's number."""
        its = container_versions.c.container_id == container_id
        number = select(func.count()).select_from(container_versions).where(its)
        total = int(await self._connection.scalar(number) or 0)
        query = select(*_VERSION).where(its)
        found = await page(self._connection, [query], window.of(total), _version, number="number")
        return CountedPage(found.items, found.newer, found.older, total)

    async def version_with(
        self, container_id: int, field: str, text: str
    ) -> ContainerVersion | None:
        """The newest version whose body has that text in a field."""
        rows = await self._connection.execute(
            select(*_VERSION)
            .where(
                container_versions.c.container_id == container_id,
                container_versions.c.body[field].as_string() == text,
            )
            .order_by(container_versions.c.number.desc())
            .limit(1)
        )
        row = rows.one_or_none()
        return _version(row) if row else None

    async def page(
        self, tenant_id: int, kind: str, window: Window, sieve: Sieve
    ) -> Page[Container]:
        """Live ones that pass the sieve, newest first."""
        wanted = select(containers).where(*sifted(tenant_id, kind, sieve))
        return await page(self._connection, [wanted], window, _container)

    async def counted_page(
        self, tenant_id: int, kind: str, window: Window, sieve: Sieve
    ) -> CountedPage[Container]:
        """The same, with how many there are in all."""
        number = select(func.count(containers.c.id)).where(*sifted(tenant_id, kind, sieve))
        total = int(await self._connection.scalar(number) or 0)
        found = await self.page(tenant_id, kind, window.of(total), sieve)
        return CountedPage(found.items, found.newer, found.older, total)

    async def tally_by(
        self, tenant_id: int, owner_id: int, kind: str, field: str
    ) -> dict[str, Tally]:
        """The owner's live ones, by a text field of their body."""
        value = containers.c.body[field].as_string()
        own = (
            containers.c.tenant_id == tenant_id,
            containers.c.owner_id == owner_id,
            containers.c.kind == kind,
            containers.c.deleted_at.is_(None),
        )
        counted = await self._connection.execute(
            select(value, func.count()).where(*own).group_by(value)
        )
        held = (
            select(value.label("value"), attachments.c.id, attachments.c.size)
            .select_from(
                containers.join(claims, claims.c.container_id == containers.c.id).join(
                    attachments, attachments.c.id == claims.c.attachment_id
                )
            )
            .where(*own)
            .distinct()
            .subquery()
        )
        weighed = await self._connection.execute(
            select(held.c.value, func.sum(held.c.size)).group_by(held.c.value)
        )
        spaces = {str(text): int(space) for text, space in weighed}
        return {
            str(text): Tally(count=int(count), space=spaces.get(str(text), 0))
            for text, count in counted
        }

    async def _keep_version(self, container: Container) -> None:
        await self._connection.execute(
            insert(container_versions).values(
                container_id=container.id,
                number=container.version,
                body=container.body,
                created_at=container.updated_at,
            )
        )


_VERSION = [container_versions.c[name] for name in ("number", "body", "created_at")]


def _version(row: Row[Any]) -> ContainerVersion:
    return ContainerVersion(**row._mapping)


def _container(row: Row[Any]) -> Container:
    fields = dict(row._mapping)
    ref = ContainerRef(fields.pop("kind"), fields.pop("external_id"))
    return Container(**fields, ref=ref)
