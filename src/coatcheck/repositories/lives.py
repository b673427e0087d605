"""The steps of an attachment's life, each one conditional UPDATE whose row count is the verdict.

Nothing is chosen first and changed afterwards: the state in the WHERE clause arbitrates between claim, delete
and reap, whoever else is at it in this process or another.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, and_, case, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from coatcheck.domain.attachment import Due
from coatcheck.domain.lifecycle import Event, State, sources, target
from coatcheck.repositories.rows import DUE_COLUMNS, due_of, expirable, unexpired, unheld, unpurged
from coatcheck.repositories.slots import close_slots
from coatcheck.repositories.tables import attachments, claims, containers, derivatives, parts

# A deleted attachment's place in the tree, and its capability, are free for others at once.
_DELETED: dict[str, Any] = {
    "state": target(Event.DELETE).value,
    "reason": "deleted",
    "token": None,
    "folder_id": None,
    "capability": None,
}

_WHY = case((attachments.c.state == State.RECEIVING.value, "abandoned"), else_="expired")


class Lives:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def claim(self, ids: Iterable[int], now: int, *, exclusive: bool) -> set[int]:
        """Those that took the step to claimed; the caller undoes everything when it is not all of them.

        `exclusive`: not one that a container holds already, the tenant's tree excepted.
        """
        wanted = await self.lock(ids)
        detached = and_(attachments.c.state == State.DETACHED.value, unexpired(now))
        held = attachments.c.state == State.CLAIMED.value
        if exclusive:
            held = and_(held, ~_held_outside_the_tree())
        rows = await self._connection.execute(
            update(attachments)
            .where(attachments.c.id.in_(wanted), or_(detached, held))
            .values(state=target(Event.CLAIM).value, updated_at=now)
            .returning(attachments.c.id)
        )
        return set(rows.scalars())

    async def release(self, ids: Iterable[int], now: int, expires_at: int | None) -> int:
        """Those of them that no container holds any more are detached again, with a fresh window."""
        result = await self._connection.execute(
            update(attachments)
            .where(
                attachments.c.id.in_(await self.lock(ids)),
                attachments.c.state.in_(sources(Event.RELEASE)),
                unheld(),
            )
            .values(state=target(Event.RELEASE).value, updated_at=now, expires_at=expires_at)
        )
        return result.rowcount

    async def delete_unheld(self, ids: Iterable[int], now: int) -> list[int]:
        """Those of them that no container holds any more are deleted; which."""
        rows = await self._connection.execute(
            update(attachments)
            .where(
                attachments.c.id.in_(await self.lock(ids)),
                attachments.c.state == State.CLAIMED.value,
                unheld(),
            )
            .values(_DELETED | {"updated_at": now})
            .returning(attachments.c.id)
        )
        return list(rows.scalars())

    async def delete(self, attachment_id: int, states: Iterable[State], now: int) -> bool:
        """Gone from this moment. False when it was in none of these states (any more)."""
        allowed = [state.value for state in states if state in sources(Event.DELETE)]
        result = await self._connection.execute(
            update(attachments)
            .where(attachments.c.id == attachment_id, attachments.c.state.in_(allowed))
            .values(_DELETED | {"updated_at": now})
        )
        return result.rowcount == 1

    async def due(self, now: int, limit: int) -> list[Due]:
        """Detached and receiving ones whose time has run out."""
        rows = await self._connection.execute(
            select(*DUE_COLUMNS)
            .where(expirable(now))
            .order_by(attachments.c.expires_at)
            .limit(limit)
        )
        return [due_of(row) for row in rows]

    async def expire(self, now: int, limit: int) -> list[Due]:
        """Take the step to expired, for at most `limit`; the arbiter against a claim is the state in the WHERE."""
        chosen = (
            select(attachments.c.id)
            .where(expirable(now))
            .order_by(attachments.c.expires_at)
            .limit(limit)
            .with_for_update(skip_locked=True, key_share=True)
            .cte("chosen")
        )
        rows = await self._connection.execute(
            update(attachments)
            .where(attachments.c.id.in_(select(chosen.c.id)), expirable(now))
            .values(state=target(Event.EXPIRE).value, reason=_WHY, updated_at=now)
            .returning(*DUE_COLUMNS)
        )
        return [due_of(row) for row in rows]

    async def expire_upload(self, tenant_id: int, upload_key: str, now: int) -> None:
        """Make way for a new upload under a key whose last one ran out of time."""
        await self._connection.execute(
            update(attachments)
            .where(
                attachments.c.tenant_id == tenant_id,
                attachments.c.upload_key == upload_key,
                attachments.c.state == State.RECEIVING.value,
                attachments.c.expires_at <= now,
            )
            .values(state=target(Event.EXPIRE).value, reason=_WHY, updated_at=now)
        )

    async def purgeable(self, now: int, limit: int) -> list[Due]:
        """Expired or deleted, or purging with nobody at it."""
        rows = await self._connection.execute(
            select(*DUE_COLUMNS).where(unpurged(now)).order_by(attachments.c.id).limit(limit)
        )
        return [due_of(row) for row in rows]

    async def begin_purge(
        self, now: int, lease_until: int, limit: int, only: int | None = None
    ) -> list[Due]:
        """Take the step to purging under a lease: of several sweeps, one gets each."""
        wanted = unpurged(now) if only is None else and_(unpurged(now), attachments.c.id == only)
        chosen = (
            select(attachments.c.id)
            .where(wanted)
            .order_by(attachments.c.id)
            .limit(limit)
            # A sweep leaves what others are at to the next one; whoever names one waits for it.
            .with_for_update(skip_locked=only is None, key_share=True)
            .cte("chosen")
        )
        rows = await self._connection.execute(
            update(attachments)
            .where(attachments.c.id.in_(select(chosen.c.id)), wanted)
            .values(state=target(Event.PURGE).value, lease_until=lease_until)
            .returning(*DUE_COLUMNS)
        )
        return [due_of(row) for row in rows]

    async def purge(self, attachment_id: int, now: int) -> tuple[int, int] | None:
        """Leave a tombstone without parts; (bytes that were charged, bytes that were reserved), or None if done."""
        row = (
            await self._connection.execute(
                select(attachments.c.charged, attachments.c.size, attachments.c.reserved)
                .where(
                    attachments.c.id == attachment_id,
                    attachments.c.state.in_(sources(Event.PURGED)),
                )
                .with_for_update(key_share=True)
            )
        ).one_or_none()
        if row is None:
            return None
        await close_slots(self._connection, attachment_id, now)
        await self._connection.execute(delete(parts).where(parts.c.attachment_id == attachment_id))
        await self._connection.execute(
            delete(claims).where(claims.c.attachment_id == attachment_id)
        )
        await self._connection.execute(
            delete(derivatives).where(derivatives.c.attachment_id == attachment_id)
        )
        await self._connection.execute(
            update(attachments)
            .where(attachments.c.id == attachment_id)
            .values(
                state=target(Event.PURGED).value,
                charged=False,
                reserved=0,
                lease_until=None,
                token=None,
                folder_id=None,
                upload_key=None,
                updated_at=now,
            )
        )
        return (row.size if row.charged else 0), row.reserved

    async def forget(self, before: int, limit: int) -> int:
        """Drop tombstones that were made before then; how many."""
        old = (
            select(attachments.c.id)
            .where(attachments.c.state == State.PURGED.value, attachments.c.updated_at < before)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .cte("old")
        )
        rows = await self._connection.execute(
            delete(attachments)
            .where(attachments.c.id.in_(select(old.c.id)))
            .returning(attachments.c.id)
        )
        return len(rows.all())

    async def lock(self, ids: Iterable[int]) -> list[int]:
        """In one order, so that two changes never wait for each other; who holds them is then seen as it is.

        On SQLite, whose writing transactions are alone, there is nothing to do.
        """
        wanted = sorted(ids)
        if wanted and self._connection.dialect.name == "postgresql":
            await self._connection.execute(
                select(attachments.c.id)
                .where(attachments.c.id.in_(wanted))
                .order_by(attachments.c.id)
                .with_for_update(key_share=True)
            )
        return wanted


def _held_outside_the_tree() -> ColumnElement[bool]:
    return (
        select(1)
        .select_from(claims.join(containers, containers.c.id == claims.c.container_id))
        .where(claims.c.attachment_id == attachments.c.id, containers.c.kind != "site")
        .exists()
    )
