"""What was answered to a client's own request id, recorded in the transaction that did the work."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from coatcheck.domain.replay import Replay
from coatcheck.repositories.postgresql import lock_number
from coatcheck.repositories.sqlite_driver import MANY_ROWS
from coatcheck.repositories.tables import replays


class Replays:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def lock(self, principal_id: int, endpoint: str, request_id: str) -> None:
        """Of two requests of one id at the same moment, the second waits here, and finds then what the first was told.

        SQLite's writing transactions are alone anyway.
        """
        if self._connection.dialect.name == "postgresql":
            number = lock_number("replay", principal_id, endpoint, request_id)
            await self._connection.execute(
                text("SELECT pg_advisory_xact_lock(:number)"), {"number": number}
            )

    async def find(
        self, principal_id: int, endpoint: str, request_id: str, now: int
    ) -> Replay | None:
        row = (
            await self._connection.execute(
                select(replays.c.fingerprint, replays.c.answer).where(
                    replays.c.principal_id == principal_id,
                    replays.c.endpoint == endpoint,
                    replays.c.request_id == request_id,
                    replays.c.expires_at > now,
                )
            )
        ).one_or_none()
        return Replay(row.fingerprint, row.answer) if row else None

    async def keep(
        self,
        principal_id: int,
        endpoint: str,
        request_id: str,
        *,
        fingerprint: str,
        answer: dict[str, Any],
        expires_at: int,
    ) -> None:
        """Replaces an expired one under the same id."""
        same = (
            replays.c.principal_id == principal_id,
            replays.c.endpoint == endpoint,
            replays.c.request_id == request_id,
        )
        await self._connection.execute(delete(replays).where(*same))
        await self._connection.execute(
            insert(replays).values(
                principal_id=principal_id,
                endpoint=endpoint,
                request_id=request_id,
                fingerprint=fingerprint,
                answer=answer,
                expires_at=expires_at,
            )
        )

    async def forget(self, now: int) -> int:
        """Drop the expired ones; how many."""
        result = await self._connection.execute(
            delete(replays).where(replays.c.expires_at <= now), execution_options={MANY_ROWS: True}
        )
        return result.rowcount
