"""Lists of attachments, page by page."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from coatcheck.domain.attachment import Attachment
from coatcheck.domain.container import ContainerRef
from coatcheck.domain.lifecycle import State
from coatcheck.domain.pages import Page, Window
from coatcheck.domain.principal import Principal
from coatcheck.domain.selection import Selection
from coatcheck.repositories.paging import page
from coatcheck.repositories.rows import COLUMNS, attachment_of, readable_by, unexpired
from coatcheck.repositories.tables import attachments, claims, containers, principals


class Listings:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def detached(self, owner_id: int, window: Window, now: int) -> Page[Attachment]:
        """The owner's detached ones, newest first."""
        mine = and_(
            attachments.c.owner_id == owner_id,
            attachments.c.state == State.DETACHED.value,
            unexpired(now),
        )
        return await page(self._connection, attachments, mine, window, attachment_of, COLUMNS)

    async def visible(
        self, caller: Principal, selection: Selection, window: Window, now: int
    ) -> Page[Attachment]:
        """Those that the caller may read and that are selected, newest first."""
        wanted = and_(readable_by(caller, now), *_conditions(caller, selection))
        return await page(self._connection, attachments, wanted, window, attachment_of, COLUMNS)

    async def detached_usage(self, owner_id: int, now: int) -> tuple[int, int]:
        """(how many, how many bytes) of the owner's are detached."""
        row = (
            await self._connection.execute(
                select(func.count(), func.coalesce(func.sum(attachments.c.size), 0)).where(
                    attachments.c.owner_id == owner_id,
                    attachments.c.state == State.DETACHED.value,
                    unexpired(now),
                )
            )
        ).one()
        return int(row[0]), int(row[1])

    async def filed(
        self, tenant_id: int, offset: int, limit: int | None, folder_id: int | None = None
    ) -> Page[Attachment]:
        """Those in the tenant's tree, newest first; in one folder, if one is named."""
        mine = and_(
            attachments.c.tenant_id == tenant_id,
            attachments.c.token.is_not(None),
            attachments.c.state == State.CLAIMED.value,
        )
        if folder_id is not None:
            mine = and_(mine, attachments.c.folder_id == folder_id)
        total = int(await self._connection.scalar(select(func.count()).where(mine)) or 0)
        rows = await self._connection.execute(
            select(*COLUMNS)
            .where(mine)
            .order_by(attachments.c.created_at.desc(), attachments.c.id.desc())
            .offset(offset)
            .limit(limit)
        )
        found = [attachment_of(row) for row in rows]
        return Page(found, total, offset > 0, offset + len(found) < total)


def _conditions(caller: Principal, selection: Selection) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if selection.state is not None:
        conditions.append(attachments.c.state == selection.state.value)
    if selection.within is not None:
        conditions.append(_within(caller, selection.within))
    if selection.token is not None:
        conditions.append(attachments.c.token == selection.token)
    if selection.owner is not None:
        owner = select(principals.c.id).where(
            principals.c.tenant_id == caller.tenant_id, principals.c.login == selection.owner
        )
        conditions.append(attachments.c.owner_id.in_(owner))
    if selection.container is not None:
        held = (
            select(claims.c.attachment_id)
            .join(containers, containers.c.id == claims.c.container_id)
            .where(
                containers.c.tenant_id == caller.tenant_id,
                containers.c.kind == selection.container.kind,
                containers.c.external_id == selection.container.external_id,
            )
        )
        conditions.append(attachments.c.id.in_(held))
    return conditions


def _within(caller: Principal, ref: ContainerRef) -> ColumnElement[bool]:
    parent, child = containers.alias("parent"), containers.alias("child")
    held = (
        select(claims.c.attachment_id)
        .join(child, child.c.id == claims.c.container_id)
        .join(parent, parent.c.id == child.c.parent_id)
        .where(
            parent.c.tenant_id == caller.tenant_id,
            parent.c.kind == ref.kind,
            parent.c.external_id == ref.external_id,
        )
    )
    return or_(attachments.c.grouping == ref.external_id, attachments.c.id.in_(held))
