"""What the database counts by itself, as `tables/tallies.py` tells it to."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Label, Row, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from coatcheck.domain.census import Census
from coatcheck.domain.lifecycle import State
from coatcheck.repositories.rows import DETACHED, SWEPT
from coatcheck.repositories.tables import attachments, quotas, tallies
from coatcheck.repositories.tables.tallies import BY_OWNER, BY_TENANT

#: Whose each tally is, and which of theirs it counts.
_COUNTED: dict[str, tuple[ColumnElement[int], ColumnElement[bool]]] = {
    BY_OWNER: (attachments.c.owner_id, DETACHED),
    BY_TENANT: (attachments.c.tenant_id, attachments.c.token.is_not(None)),
}

#: States of attachments that are neither detached nor claimed, and still charged.
_PASSING = tuple(
    str(state) for state in (State.RECEIVING, State.EXPIRED, State.DELETED, State.PURGING)
)

#: Rows that are folded together at most.
_BATCH = 10_000


class Tallies:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def detached(self, owner_id: int, now: int) -> tuple[int, int]:
        """(how many, how many bytes) of the owner's are detached and have not expired."""
        held = await self._sums(
            noted(BY_OWNER, owner_id, tallies.c.attachments),
            noted(BY_OWNER, owner_id, tallies.c.bytes),
        )
        # A sweep comes by often: they are few.
        expired = attachments.c.expires_at <= now
        gone = await self._sums(*counted(BY_OWNER, owner_id, expired))
        return held[0] - gone[0], held[1] - gone[1]

    async def filed(self, tenant_id: int) -> int:
        """How many are in the tenant's tree."""
        (number,) = await self._sums(noted(BY_TENANT, tenant_id, tallies.c.attachments))
        return number

    async def census(self) -> Census:
        """Of all owners: what they are charged with is summed, and what sweeps go through is counted."""
        detached, charged, used, reserved = await self._sums(
            _sum(tallies.c.attachments, tallies.c.what == BY_OWNER),
            _sum(quotas.c.attachments),
            _sum(quotas.c.used),
            _sum(quotas.c.reserved),
        )
        rows = await self._connection.execute(
            select(attachments.c.state, func.count())
            .where(SWEPT, attachments.c.state.in_(_PASSING))
            .group_by(attachments.c.state)
        )
        states = dict.fromkeys(_PASSING, 0) | {state: int(number) for state, number in rows}
        claimed = charged - detached - sum(states.values())
        return Census(
            attachments=states | {"detached": detached, "claimed": max(claimed, 0)},
            used=used,
            reserved=reserved,
        )

    async def fold(self) -> None:
        """What transactions have counted each for itself becomes one row again; no request waits for that."""
        if self._connection.dialect.name == "postgresql":
            await self._connection.execute(_FOLD, {"limit": _BATCH})

    async def recount(self, what: str, whose: int) -> None:
        """From the rows; whoever changes one meanwhile waits."""
        if self._connection.dialect.name == "postgresql":
            await self._connection.execute(text("LOCK TABLE tallies IN SHARE ROW EXCLUSIVE MODE"))
        mine = tallies.c.what == what, tallies.c.whose == whose
        await self._connection.execute(tallies.delete().where(*mine))
        number, size = await self._sums(*counted(what, whose))
        await self._connection.execute(
            tallies.insert().values(what=what, whose=whose, shard=0, attachments=number, bytes=size)
        )

    async def _sums(self, *sums: ColumnElement[Any]) -> list[int]:
        return [int(each) for each in (await self._connection.execute(select(*sums))).one()]


def _sum(column: ColumnElement[int], *conditions: ColumnElement[bool]) -> ColumnElement[int]:
    return select(func.coalesce(func.sum(column), 0)).where(*conditions).scalar_subquery()


def noted(
    what: str, whose: int | ColumnElement[int], column: ColumnElement[int]
) -> ColumnElement[int]:
    """What is on record as counted, over all shards."""
    return (
        select(func.coalesce(func.sum(column), 0))
        .where(tallies.c.what == what, tallies.c.whose == whose)
        .scalar_subquery()
    )


def counted(
    what: str, whose: int | ColumnElement[int], *conditions: ColumnElement[bool]
) -> tuple[ColumnElement[int], ColumnElement[int]]:
    """(how many, how many bytes) there are by the rows."""
    of, counts = _COUNTED[what]
    number, size = (
        select(total).where(of == whose, counts, *conditions).scalar_subquery()
        for total in (
            func.count(attachments.c.id),
            func.coalesce(func.sum(attachments.c.size), 0),
        )
    )
    return number, size


def compared(what: str, whose: ColumnElement[int]) -> list[Label[int]]:
    """What is on record in the tallies, and what there is by the rows."""
    kept = [noted(what, whose, column) for column in (tallies.c.attachments, tallies.c.bytes)]
    names = [f"noted_{what}", f"noted_{what}_bytes", what, f"{what}_bytes"]
    sums = [*kept, *counted(what, whose)]
    return [column.label(name) for name, column in zip(names, sums, strict=True)]


def sums_of(row: Row[Any], what: str, which: str = "") -> dict[str, int]:
    """Of a row with the columns of `compared`: what is on record (`which` is "noted_"), or what there is."""
    columns = row._mapping
    return {
        what: int(columns[f"{which}{what}"]),
        f"{what} bytes": int(columns[f"{which}{what}_bytes"]),
    }


# Not from one statement to the next: what is deleted here and what is added are of one moment.
_FOLD = text(
    "WITH chosen AS (SELECT what, whose, shard FROM tallies WHERE shard > 0"
    " ORDER BY what, whose, shard LIMIT :limit FOR UPDATE SKIP LOCKED),"
    " folded AS (DELETE FROM tallies USING chosen WHERE tallies.what = chosen.what"
    " AND tallies.whose = chosen.whose AND tallies.shard = chosen.shard"
    " RETURNING tallies.what, tallies.whose, tallies.attachments, tallies.bytes)"
    " INSERT INTO tallies SELECT what, whose, 0, sum(attachments), sum(bytes) FROM folded"
    " GROUP BY what, whose ORDER BY what, whose"
    " ON CONFLICT (what, whose, shard) DO UPDATE SET"
    " attachments = tallies.attachments + excluded.attachments, bytes = tallies.bytes + excluded.bytes"
)
