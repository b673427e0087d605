"""Lists of attachments, page by page."""

from __future__ import annotations

from sqlalchemy import and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from coatcheck.domain.attachment import Attachment
from coatcheck.domain.lifecycle import State
from coatcheck.domain.pages import Page, Window
from coatcheck.repositories.paging import page
from coatcheck.repositories.rows import COLUMNS, attachment_of, unexpired
from coatcheck.repositories.tables import attachments


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
