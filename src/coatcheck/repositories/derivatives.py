"""What was made of attachments. Rows go when their attachment is purged: see Lives."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from coatcheck.domain.derivative import Derivative
from coatcheck.domain.lifecycle import VISIBLE
from coatcheck.repositories.tables import attachments, derivatives


class Derivatives:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def find(self, attachment_id: int, kind: str) -> Derivative | None:
        """For whom the caller has made sure that they may see the attachment."""
        row = (
            await self._connection.execute(
                select(derivatives.c.media_type, derivatives.c.content).where(
                    derivatives.c.attachment_id == attachment_id, derivatives.c.kind == kind
                )
            )
        ).one_or_none()
        return Derivative(row.media_type, bytes(row.content)) if row else None

    async def keep(self, attachment_id: int, kind: str, derivative: Derivative) -> bool:
        """The first of a kind stays. False when the attachment is not there (any more): nothing is kept then."""
        # Locked, so that the step to deleted, and with it the purge of this row, comes after.
        visible = await self._connection.scalar(
            select(attachments.c.id)
            .where(attachments.c.id == attachment_id, attachments.c.state.in_(VISIBLE))
            .with_for_update(key_share=True)
        )
        if visible is None:
            return False
        make = sqlite.insert if self._connection.dialect.name == "sqlite" else postgresql.insert
        await self._connection.execute(
            make(derivatives)
            .values(
                attachment_id=attachment_id,
                kind=kind,
                media_type=derivative.media_type,
                content=derivative.content,
            )
            .on_conflict_do_nothing()
        )
        return True
