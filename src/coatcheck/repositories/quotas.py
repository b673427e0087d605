"""Bytes and counts of an owner. Every change is one conditional UPDATE whose row count is the answer."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, func, insert, literal, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from coatcheck.domain.quota import Usage
from coatcheck.repositories.tables import quotas


class Quotas:
    """`limit_bytes` and `limit_count` hold for owners without a limit of their own; 0 is no limit."""

    def __init__(self, connection: AsyncConnection, limit_bytes: int, limit_count: int) -> None:
        self._connection = connection
        self._limit_bytes = limit_bytes
        self._limit_count = limit_count

    async def open(self, owner_id: int) -> None:
        await self._connection.execute(insert(quotas).values(owner_id=owner_id))

    async def reserve(self, owner_id: int, size: int, count: int = 0) -> bool:
        """Set bytes (and places) aside. False, and nothing changed, when they do not fit."""
        result = await self._connection.execute(
            update(quotas)
            .where(quotas.c.owner_id == owner_id, self._fits(size, count))
            .values(reserved=quotas.c.reserved + size, attachments=quotas.c.attachments + count)
        )
        return result.rowcount == 1

    async def charge(self, owner_id: int, size: int, *, reserved: int = 0, count: int = 0) -> bool:
        """Turn `reserved` bytes into `size` used ones. False, and nothing changed, when they do not fit."""
        result = await self._connection.execute(
            update(quotas)
            .where(quotas.c.owner_id == owner_id, self._fits(size - reserved, count))
            .values(
                used=quotas.c.used + size,
                reserved=quotas.c.reserved - reserved,
                attachments=quotas.c.attachments + count,
            )
        )
        return result.rowcount == 1

    async def refund(
        self, owner_id: int, *, used: int = 0, reserved: int = 0, count: int = 0
    ) -> None:
        """Give back what was charged or reserved."""
        await self._connection.execute(
            update(quotas)
            .where(quotas.c.owner_id == owner_id)
            .values(
                used=quotas.c.used - used,
                reserved=quotas.c.reserved - reserved,
                attachments=quotas.c.attachments - count,
            )
        )

    async def usage(self, owner_id: int) -> Usage:
        row = (
            await self._connection.execute(select(quotas).where(quotas.c.owner_id == owner_id))
        ).one()
        limit = self._limit_bytes if row.limit_bytes is None else row.limit_bytes
        return Usage(
            used=row.used,
            reserved=row.reserved,
            attachments=row.attachments,
            limit_bytes=limit or None,
            limit_count=self._limit_count or None,
        )

    def _fits(self, size: int, count: int) -> ColumnElement[bool]:
        limit = func.coalesce(quotas.c.limit_bytes, self._limit_bytes)
        bytes_fit = (
            or_(limit == 0, quotas.c.used + quotas.c.reserved + size <= limit)
            if size > 0
            else true()
        )
        if count > 0 and self._limit_count:
            return and_(bytes_fit, quotas.c.attachments + literal(count) <= self._limit_count)
        return bytes_fit
