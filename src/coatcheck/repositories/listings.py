"""Lists of attachments, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from coatcheck.domain.attachment import Attachment
from coatcheck.domain.container import ContainerRef
from coatcheck.domain.lifecycle import State
from coatcheck.domain.pages import CountedPage, Page, Window
from coatcheck.domain.principal import Principal
from coatcheck.domain.selection import Selection
from coatcheck.repositories.paging import page
from coatcheck.repositories.rows import (
    CLAIMED,
    COLUMNS,
    DETACHED,
    attachment_of,
    of_few,
    readable_by,
    unexpired,
)
from coatcheck.repositories.tables import attachments, claims, containers, principals
from coatcheck.repositories.tallies import Tallies

#: What holds all that is in a tenant's tree, and nothing else.
_TREE = ContainerRef("site", "site")


class Listings:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._tallies = Tallies(connection)

    async def detached(self, owner_id: int, window: Window, now: int) -> CountedPage[Attachment]:
        """The owner's detached ones, newest first."""
        total, _ = await self._tallies.detached(owner_id, now)
        mine = select(*COLUMNS).where(_detached(owner_id, now))
        found = await page(self._connection, [mine], window.of(total), attachment_of)
        return CountedPage(found.items, found.newer, found.older, total)

    async def visible(
        self, caller: Principal, selection: Selection, window: Window, now: int
    ) -> Page[Attachment]:
        """Those that the caller may read and that are selected, newest first."""
        branches = _branches(caller, selection, now)
        if not branches:
            return Page([], newer=False, older=False)
        return await page(self._connection, branches, window, attachment_of)

    async def detached_usage(self, owner_id: int, now: int) -> tuple[int, int]:
        """(how many, how many bytes) of the owner's are detached."""
        return await self._tallies.detached(owner_id, now)

    async def filed(self, tenant_id: int, offset: int, limit: int) -> CountedPage[Attachment]:
        """Those in the tenant's tree, newest first."""
        total = await self._tallies.filed(tenant_id)
        newest_first = attachments.c.created_at.desc(), attachments.c.id.desc()
        # What is skipped is counted off in the index, and not looked at.
        wanted = (
            select(attachments.c.id)
            .where(attachments.c.tenant_id == tenant_id, attachments.c.token.is_not(None))
            .order_by(*newest_first)
            .offset(offset)
            .limit(limit)
        )
        rows = await self._connection.execute(
            select(*COLUMNS).where(attachments.c.id.in_(wanted)).order_by(*newest_first)
        )
        found = [attachment_of(row) for row in rows]
        return CountedPage(found, offset > 0, offset + len(found) < total, total)

    async def filed_in(self, folder_id: int) -> list[Attachment]:
        """Those in one folder of a tree, newest first."""
        rows = await self._connection.execute(
            select(*COLUMNS)
            .where(attachments.c.folder_id == folder_id)
            .order_by(attachments.c.created_at.desc(), attachments.c.id.desc())
        )
        return [attachment_of(row) for row in rows]


def _detached(owner_id: int, now: int) -> ColumnElement[bool]:
    return and_(attachments.c.owner_id == owner_id, DETACHED, unexpired(now))


def _branches(caller: Principal, selection: Selection, now: int) -> list[Select[Any]]:
    """What is readable and selected, in parts that have nothing in common, each in the order of an index.

    But for what containers hold: that is found by their claims, and put in order.
    """
    conditions = []
    if selection.token is not None:
        conditions.append(attachments.c.token == selection.token)
    if selection.owner is not None:
        owner = select(principals.c.id).where(
            principals.c.tenant_id == caller.tenant_id, principals.c.login == selection.owner
        )
        own = attachments.c.owner_id
        conditions.append((of_few(own) if selection.bounded else own) == owner.scalar_subquery())
    parts = _parts(caller, selection, now)
    return [select(*COLUMNS).where(part, *conditions) for part in parts]


def _parts(caller: Principal, selection: Selection, now: int) -> Sequence[ColumnElement[bool]]:
    tenants = attachments.c.tenant_id == caller.tenant_id
    if (group := selection.within) is not None:
        grouped = attachments.c.grouping == group.external_id
        others = attachments.c.grouping.is_distinct_from(group.external_id)
        return (
            and_(tenants, grouped, readable_by(caller, now), _in_state(selection)),
            and_(_held(_children_of(caller, group)), others, _in_state(selection)),
        )
    if (container := selection.container) is not None:
        claimed = (
            and_(tenants, attachments.c.token.is_not(None))
            if container == _TREE
            else _held(_named(caller, container))
        )
    else:
        claimed = and_(tenants, CLAIMED)
    both = {State.DETACHED: _detached(caller.id, now), State.CLAIMED: claimed}
    if container is not None or selection.token is not None:
        del both[State.DETACHED]  # such a one is neither held nor in the tree
    return [part for state, part in both.items() if selection.state in (None, state)]


def _in_state(selection: Selection) -> ColumnElement[bool]:
    """Of what is readable. Said by the other state, so that no index over all that are in this one is walked."""
    if selection.state is None:
        return true()
    other = State.CLAIMED if selection.state is State.DETACHED else State.DETACHED
    return attachments.c.state != other.value


def _held(containers_: Select[Any]) -> ColumnElement[bool]:
    """What these containers hold."""
    held = select(claims.c.attachment_id).where(claims.c.container_id.in_(containers_))
    return and_(attachments.c.id.in_(held), attachments.c.state == State.CLAIMED.value)


def _named(caller: Principal, ref: ContainerRef) -> Select[Any]:
    return select(containers.c.id).where(
        containers.c.tenant_id == caller.tenant_id,
        containers.c.kind == ref.kind,
        containers.c.external_id == ref.external_id,
    )


def _children_of(caller: Principal, ref: ContainerRef) -> Select[Any]:
    child = containers.alias()
    return select(child.c.id).where(child.c.parent_id == _named(caller, ref).scalar_subquery())
