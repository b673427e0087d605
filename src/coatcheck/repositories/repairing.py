"""Putting records right that a check found wrong. Each change is conditional: what was put right meanwhile stays."""

from __future__ import annotations

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from coatcheck.domain.folder import MAX_DEPTH
from coatcheck.domain.lifecycle import State
from coatcheck.repositories.auditing import COUNTED
from coatcheck.repositories.rows import unheld
from coatcheck.repositories.tables import (
    attachments,
    folder_paths,
    folders,
    intents,
    parts,
    quotas,
)
from coatcheck.repositories.tables.tallies import BY_OWNER, BY_TENANT
from coatcheck.repositories.tallies import Tallies


class Repairing:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def resum(self, owner_id: int) -> None:
        """An owner's quota becomes what its rows add up to."""
        # First locked, and then counted by another statement: it sees all that was charged before the lock.
        await self._connection.execute(
            select(quotas.c.owner_id).where(quotas.c.owner_id == owner_id).with_for_update()
        )
        await self._connection.execute(
            update(quotas)
            .where(quotas.c.owner_id == owner_id)
            .values(
                used=COUNTED["charged"],
                reserved=COUNTED["set_aside"] + COUNTED["intended"],
                attachments=COUNTED["number"],
            )
        )
        await Tallies(self._connection).recount(BY_OWNER, owner_id)

    async def recount_tree(self, tenant_id: int) -> None:
        await Tallies(self._connection).recount(BY_TENANT, tenant_id)

    async def set_charge(
        self, attachment_id: int, state: State, *, charged: bool, reserved: int
    ) -> bool:
        """False when it is in another state by now. The caller sums the owner's quota in the same transaction."""
        result = await self._connection.execute(
            update(attachments)
            .where(attachments.c.id == attachment_id, attachments.c.state == state.value)
            .values(charged=charged, reserved=reserved)
        )
        return result.rowcount == 1

    async def owner_of(self, attachment_id: int) -> int | None:
        found = await self._connection.scalar(
            select(attachments.c.owner_id).where(attachments.c.id == attachment_id)
        )
        return None if found is None else int(found)

    async def uphold(self, attachment_id: int) -> bool:
        """What a container holds, and is whole, is claimed, so that no sweep takes it. False where it is too late."""
        result = await self._connection.execute(
            update(attachments)
            .where(
                attachments.c.id == attachment_id,
                attachments.c.state.in_((State.DETACHED.value, State.EXPIRED.value)),
                attachments.c.charged.is_(True),
                ~unheld(),
            )
            .values(state=State.CLAIMED.value)
        )
        return result.rowcount == 1

    async def forget_intent(self, blob_key: str) -> bool:
        """An intent to write what a part names already: a sweep would delete those bytes for it."""
        named = select(1).where(parts.c.blob_key == intents.c.blob_key).exists()
        result = await self._connection.execute(
            delete(intents).where(intents.c.blob_key == blob_key, named)
        )
        return result.rowcount == 1

    async def end_intent_lease(self, blob_key: str, beyond: int, now: int) -> bool:
        result = await self._connection.execute(
            update(intents)
            .where(intents.c.blob_key == blob_key, intents.c.lease_until > beyond)
            .values(lease_until=now)
        )
        return result.rowcount == 1

    async def end_purge_lease(self, attachment_id: int, beyond: int) -> bool:
        result = await self._connection.execute(
            update(attachments)
            .where(
                attachments.c.id == attachment_id,
                attachments.c.state == State.PURGING.value,
                attachments.c.lease_until > beyond,
            )
            .values(lease_until=None)
        )
        return result.rowcount == 1

    async def regrow(self, tenant_id: int) -> bool:
        """The closure of a tenant's tree, anew from its folders' parents; the caller has locked the tree.

        False, and nothing changed, where there is a cycle.
        """
        own = select(folders.c.id).where(folders.c.tenant_id == tenant_id)
        line = (
            select(
                folders.c.id.label("descendant_id"),
                folders.c.id.label("ancestor_id"),
                folders.c.parent_id.label("next_id"),
                (folders.c.id - folders.c.id).label("depth"),
            )
            .where(folders.c.tenant_id == tenant_id)
            .cte("line", recursive=True)
        )
        parent = folders.alias("parent")
        line = line.union_all(
            select(line.c.descendant_id, parent.c.id, parent.c.parent_id, line.c.depth + 1)
            .join(parent, parent.c.id == line.c.next_id)
            .where(line.c.depth < MAX_DEPTH)
        )
        too_deep = select(1).select_from(line).where(line.c.depth >= MAX_DEPTH).limit(1)
        if await self._connection.scalar(too_deep):
            return False
        await self._connection.execute(
            delete(folder_paths).where(folder_paths.c.descendant_id.in_(own))
        )
        await self._connection.execute(
            insert(folder_paths).from_select(
                ["ancestor_id", "descendant_id", "depth"],
                select(line.c.ancestor_id, line.c.descendant_id, line.c.depth),
            )
        )
        return True

    async def cut_astray(self, folder_id: int) -> None:
        """The paths of a folder that is not there."""
        gone = ~select(1).where(folders.c.id == folder_id).exists()
        await self._connection.execute(
            delete(folder_paths).where(folder_paths.c.descendant_id == folder_id, gone)
        )
