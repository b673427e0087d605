"""Bytes and counts of an owner. Every change is one conditional UPDATE whose row count is the answer."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import BigInteger, bindparam, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from coatcheck.domain.quota import Refund, Usage, by_owner
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
        return await self._take(owner_id, more=size, used=0, reserved=size, count=count)

    async def charge(self, owner_id: int, size: int, *, reserved: int = 0, count: int = 0) -> bool:
        """Turn `reserved` bytes into `size` used ones. False, and nothing changed, when they do not fit."""
        return await self._take(
            owner_id, more=size - reserved, used=size, reserved=-reserved, count=count
        )

    async def refund(
        self, owner_id: int, *, used: int = 0, reserved: int = 0, count: int = 0
    ) -> None:
        """Give back what was charged or reserved."""
        await self.refund_all(
            [Refund(owner_id=owner_id, used=used, reserved=reserved, count=count)]
        )

    async def refund_all(self, refunds: Iterable[Refund]) -> None:
        """The same of many at once: one UPDATE an owner."""
        rows = [
            {
                "owner": each.owner_id,
                "less_used": each.used,
                "less_reserved": each.reserved,
                "less_count": each.count,
            }
            for each in by_owner(refunds)
        ]
        if rows:
            await self._connection.execute(_GIVE_BACK, rows)

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

    async def _take(
        self, owner_id: int, *, more: int, used: int, reserved: int, count: int
    ) -> bool:
        result = await self._connection.execute(
            _TAKE,
            {
                "owner": owner_id,
                "more": more,
                "add_used": used,
                "add_reserved": reserved,
                "add_count": count,
                "default_limit": self._limit_bytes,
                "count_limit": self._limit_count,
            },
        )
        return result.rowcount == 1


_LIMIT = func.coalesce(quotas.c.limit_bytes, bindparam("default_limit"))
_COUNT_LIMIT = bindparam("count_limit", type_=BigInteger)

# Made once: it is on the path of every deposit.
_TAKE = (
    update(quotas)
    .where(
        quotas.c.owner_id == bindparam("owner"),
        or_(
            bindparam("more", type_=BigInteger) <= 0,
            _LIMIT == 0,
            quotas.c.used + quotas.c.reserved + bindparam("more", type_=BigInteger) <= _LIMIT,
        ),
        or_(
            bindparam("add_count", type_=BigInteger) <= 0,
            _COUNT_LIMIT == 0,
            quotas.c.attachments + bindparam("add_count", type_=BigInteger) <= _COUNT_LIMIT,
        ),
    )
    .values(
        used=quotas.c.used + bindparam("add_used", type_=BigInteger),
        reserved=quotas.c.reserved + bindparam("add_reserved", type_=BigInteger),
        attachments=quotas.c.attachments + bindparam("add_count", type_=BigInteger),
    )
)

_GIVE_BACK = (
    update(quotas)
    .where(quotas.c.owner_id == bindparam("owner"))
    .values(
        used=quotas.c.used - bindparam("less_used", type_=BigInteger),
        reserved=quotas.c.reserved - bindparam("less_reserved", type_=BigInteger),
        attachments=quotas.c.attachments - bindparam("less_count", type_=BigInteger),
    )
)
