"""The steps of an attachment's life, each one conditional UPDATE whose row count is the verdict.

Nothing is chosen first and changed afterwards: the state in the WHERE clause arbitrates between claim, delete
and reap, whoever else is at it in this process or another.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    and_,
    bindparam,
    case,
    delete,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import ReturningUpdate

from coatcheck.domain.attachment import Due
from coatcheck.domain.lifecycle import Event, State, sources, target
from coatcheck.domain.quota import Refund
from coatcheck.faultpoints import reach
from coatcheck.repositories import burial
from coatcheck.repositories.rows import (
    DUE_COLUMNS,
    IN_TURN,
    SWEPT,
    due_of,
    expirable,
    unexpired,
    unheld,
    unpurged,
)
from coatcheck.repositories.slots import close_slots
from coatcheck.repositories.sqlite_driver import MANY_ROWS
from coatcheck.repositories.tables import attachments, claims, containers

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
        await reach("C1")
        rows = await self._connection.execute(
            _CLAIM_ALONE if exclusive else _CLAIM, {"ids": wanted, "now": now}
        )
        return set(rows.scalars())

    async def release(
        self, ids: Iterable[int], now: int, expires_at: int, lasting: Collection[str] = ()
    ) -> int:
        """Those of them that no container holds any more are detached again: until then, or for ever where they came
        through one of the `lasting` dialects.
        """
        until = case((attachments.c.dialect.in_(lasting), null()), else_=expires_at)
        result = await self._connection.execute(
            update(attachments)
            .where(
                attachments.c.id.in_(await self.lock(ids)),
                attachments.c.state.in_(sources(Event.RELEASE)),
                unheld(),
            )
            .values(state=target(Event.RELEASE).value, updated_at=now, expires_at=until)
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
            _DELETE, {"ids": [attachment_id], "states": allowed, "now": now}
        )
        return result.rowcount == 1

    async def due(self, now: int, limit: int) -> list[Due]:
        """Detached and receiving ones whose time has run out."""
        rows = await self._connection.execute(
            select(*DUE_COLUMNS).where(SWEPT, expirable(now)).order_by(*IN_TURN).limit(limit)
        )
        return [due_of(row) for row in rows.all()]

    async def expire(self, now: int, limit: int) -> list[Due]:
        """Take the step to expired, for at most `limit`; the arbiter against a claim is the state in the WHERE."""
        chosen = (
            select(attachments.c.id)
            .where(SWEPT, expirable(now))
            .order_by(*IN_TURN)
            .limit(limit)
            .with_for_update(skip_locked=True, key_share=True)
            .cte("chosen")
        )
        rows = await self._connection.execute(
            update(attachments)
            .where(attachments.c.id.in_(select(chosen.c.id)), expirable(now))
            .values(state=target(Event.EXPIRE).value, reason=_WHY, updated_at=now)
            .returning(*DUE_COLUMNS),
            execution_options={MANY_ROWS: True},
        )
        return [due_of(row) for row in rows.all()]

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
            select(*DUE_COLUMNS).where(SWEPT, unpurged(now)).order_by(*IN_TURN).limit(limit)
        )
        return [due_of(row) for row in rows.all()]

    async def begin_purge(
        self, now: int, lease_until: int, limit: int, only: int | None = None
    ) -> list[Due]:
        """Take the step to purging under a lease: of several sweeps, one gets each."""
        # A sweep leaves what others are at to the next one; whoever names one waits for it.
        rows = await self._connection.execute(
            burial.PURGE_SOME if only is None else burial.PURGE_ONE,
            {"now": now, "until": lease_until, "limit": limit}
            | ({} if only is None else {"only": only}),
            execution_options={MANY_ROWS: only is None},
        )
        return [due_of(row) for row in rows.all()]

    async def purge(self, ids: Iterable[int], now: int) -> dict[int, Refund]:
        """Leave tombstones without parts; what each gives back. One that somebody else has buried is not among them."""
        held = (await self._connection.execute(burial.HELD, {"ids": sorted(ids)})).all()
        buried = {
            row.id: Refund(owner_id=row.owner_id, used=row.used, reserved=row.reserved, count=1)
            for row in held
        }
        kept = await close_slots(self._connection, list(buried), now)
        for id, size in kept.items():
            buried[id] = replace(buried[id], reserved=buried[id].reserved - size)
        many = {MANY_ROWS: any(row.in_parts for row in held)}
        for statement in (*burial.STRIP, burial.UNNAME):
            await self._connection.execute(statement, {"ids": list(buried)}, execution_options=many)
        await self._connection.execute(burial.BURY, {"ids": list(buried), "now": now})
        return buried

    async def forget(self, before: int, limit: int) -> int:
        """Drop tombstones that were made before then; how many."""
        old = (
            select(attachments.c.id)
            .where(
                SWEPT, attachments.c.state == State.PURGED.value, attachments.c.updated_at < before
            )
            .limit(limit)
            .with_for_update(skip_locked=True)
            .cte("old")
        )
        rows = await self._connection.execute(
            delete(attachments)
            .where(attachments.c.id.in_(select(old.c.id)))
            .returning(attachments.c.id),
            execution_options={MANY_ROWS: True},
        )
        return len(rows.all())

    async def lock(self, ids: Iterable[int]) -> list[int]:
        """In one order, so that two changes never wait for each other; who holds them is then seen as it is.

        On SQLite, whose writing transactions are alone, there is nothing to do.
        """
        wanted = sorted(ids)
        if wanted and self._connection.dialect.name == "postgresql":
            await self._connection.execute(_LOCK, {"ids": wanted})
        return wanted


def _held_outside_the_tree() -> ColumnElement[bool]:
    return (
        select(1)
        .select_from(claims.join(containers, containers.c.id == claims.c.container_id))
        .where(claims.c.attachment_id == attachments.c.id, containers.c.kind != "site")
        .exists()
    )


# Statements of single requests, and of purges of many, are made once: to make one takes longer than to carry it out.
_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_NOW: BindParameter[Any] = bindparam("now", type_=BigInteger)
_LOCK = (
    select(attachments.c.id)
    .where(attachments.c.id.in_(_IDS))
    .order_by(attachments.c.id)
    .with_for_update(key_share=True)
)


def _claiming(held: ColumnElement[bool]) -> ReturningUpdate[Any]:
    detached = and_(attachments.c.state == State.DETACHED.value, unexpired(_NOW))
    return (
        update(attachments)
        .where(attachments.c.id.in_(_IDS), or_(detached, held))
        .values(state=target(Event.CLAIM).value, updated_at=_NOW)
        .returning(attachments.c.id)
    )


_CLAIMED = attachments.c.state == State.CLAIMED.value
_CLAIM, _CLAIM_ALONE = _claiming(_CLAIMED), _claiming(and_(_CLAIMED, ~_held_outside_the_tree()))
_DELETE = (
    update(attachments)
    .where(attachments.c.id.in_(_IDS), attachments.c.state.in_(bindparam("states", expanding=True)))
    .values(_DELETED | {"updated_at": _NOW})
)
