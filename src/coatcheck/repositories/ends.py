"""When everything ends that a sweep throws away: put off together, when the clock has jumped."""

from __future__ import annotations

from sqlalchemy import Column, ColumnElement, and_, case, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from coatcheck.domain.lifecycle import Event, sources
from coatcheck.repositories.sqlite_driver import MANY_ROWS
from coatcheck.repositories.tables import attachments, claims, intents

_MANY = {MANY_ROWS: True}


class Ends:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def postpone(self, by: int, *, latest: int, latest_lease: int) -> None:
        """By so many ms: attachments and claims up to `latest`, leases up to `latest_lease`; none comes earlier."""
        expiring = and_(
            attachments.c.state.in_(sources(Event.EXPIRE)), attachments.c.expires_at.is_not(None)
        )
        # Locked in the order in which everybody locks them.
        chosen = (
            select(attachments.c.id)
            .where(expiring)
            .order_by(attachments.c.id)
            .with_for_update(key_share=True)
            .cte("chosen")
        )
        await self._connection.execute(
            update(attachments)
            .where(attachments.c.id.in_(select(chosen.c.id)), expiring)
            .values(expires_at=_later(attachments.c.expires_at, by, latest)),
            execution_options=_MANY,
        )
        await self._connection.execute(
            update(claims)
            .where(claims.c.expires_at.is_not(None))
            .values(expires_at=_later(claims.c.expires_at, by, latest)),
            execution_options=_MANY,
        )
        await self._connection.execute(
            update(intents).values(lease_until=_later(intents.c.lease_until, by, latest_lease)),
            execution_options=_MANY,
        )


def _later(end: Column[int], by: int, latest: int) -> ColumnElement[int]:
    return case((end + by <= latest, end + by), (end < latest, latest), else_=end)
