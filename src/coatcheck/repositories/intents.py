"""Write-ahead intents: a blob key and its reservation, on record before the first byte is stored."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from coatcheck.domain.intent import Intent
from coatcheck.repositories.tables import intents

# Made once: every large deposit and every part asks both.
_ADD = insert(intents)
_SETTLE = (
    delete(intents)
    .where(intents.c.blob_key == bindparam("of_blob"), intents.c.lease == bindparam("by_lease"))
    .returning(intents.c.reserved)
)


class Intents:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, intent: Intent) -> None:
        await self._connection.execute(
            _ADD,
            {
                "blob_key": intent.blob_key,
                "owner_id": intent.owner_id,
                "reserved": intent.reserved,
                "lease": intent.lease,
                "lease_until": intent.lease_until,
            },
        )

    async def renew(self, intent: Intent, lease_until: int, *, more: int = 0) -> bool:
        """With `more` bytes reserved than before. False when the lease was lost: a sweep has taken the intent over."""
        result = await self._connection.execute(
            update(intents)
            .where(intents.c.blob_key == intent.blob_key, intents.c.lease == intent.lease)
            .values(reserved=intents.c.reserved + more, lease_until=lease_until)
        )
        return result.rowcount == 1

    async def take_back(self, intent: Intent) -> None:
        """From a sweep that has it, or had it: with what is reserved for it, if it is still there."""
        make = sqlite.insert if self._connection.dialect.name == "sqlite" else postgresql.insert
        values = {"lease": intent.lease, "lease_until": intent.lease_until}
        await self._connection.execute(
            make(intents)
            .values(
                blob_key=intent.blob_key,
                owner_id=intent.owner_id,
                reserved=intent.reserved,
                **values,
            )
            .on_conflict_do_update(index_elements=["blob_key"], set_=values)
        )

    async def settle(self, intent: Intent) -> int | None:
        """Remove it, as its blob is recorded or gone; the bytes that are reserved for it.

        None when the lease was lost: record nothing then.
        """
        held = await self._connection.execute(
            _SETTLE, {"of_blob": intent.blob_key, "by_lease": intent.lease}
        )
        return held.scalar_one_or_none()

    async def take_over(self, now: int, lease: str, lease_until: int, limit: int) -> list[Intent]:
        """Those whose lease has run out, now leased to the caller; their former holders can no longer settle."""
        due = (
            select(intents.c.blob_key)
            .where(intents.c.lease_until < now)
            .order_by(intents.c.lease_until)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .cte("due")
        )
        rows = await self._connection.execute(
            update(intents)
            .where(intents.c.blob_key.in_(select(due.c.blob_key)), intents.c.lease_until < now)
            .values(lease=lease, lease_until=lease_until)
            .returning(intents)
        )
        return [Intent(**row._mapping) for row in rows]

    async def overdue(self, now: int, limit: int) -> list[Intent]:
        """Those whose lease has run out, untouched: for a dry run."""
        rows = await self._connection.execute(
            select(intents)
            .where(intents.c.lease_until < now)
            .order_by(intents.c.lease_until)
            .limit(limit)
        )
        return [Intent(**row._mapping) for row in rows]

    async def known(self, blob_keys: list[str]) -> set[str]:
        """Which of these keys are intended."""
        rows = await self._connection.execute(
            select(intents.c.blob_key).where(intents.c.blob_key.in_(blob_keys))
        )
        return set(rows.scalars())
