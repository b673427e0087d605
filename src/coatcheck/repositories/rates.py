"""Rates that all processes share: each takes shares of what is left, in the order in which they come."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ColumnElement, and_, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from coatcheck.domain.rate import Grant, Rate, granted
from coatcheck.repositories.sqlite_driver import MANY_ROWS
from coatcheck.repositories.tables import rates


class Rates:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def take(self, who: str, kind: str, rate: Rate, wanted: int, now: int) -> Grant:
        """Up to so many; none where nothing is left. The first of a window opens it."""
        make = sqlite.insert if self._connection.dialect.name == "sqlite" else postgresql.insert
        # Changing nothing locks it, also where a sweep drops it at this moment.
        found = await self._connection.execute(
            make(rates)
            .values(who=who, kind=kind, taken=0, ends_at=now + rate.window)
            .on_conflict_do_update(index_elements=["who", "kind"], set_={"kind": kind})
            .returning(rates.c.taken, rates.c.ends_at)
        )
        taken, ends_at = found.one()
        if not _runs(rate, ends_at, now):
            taken, ends_at = 0, now + rate.window
        if size := granted(rate.limit, taken, wanted):
            values = {"now_taken": taken + size, "now_ends_at": ends_at}
            await self._connection.execute(_SET, {"of_whom": who, "of_kind": kind, **values})
        return Grant(size, taken + size, ends_at)

    async def give_back(self, shares: Iterable[tuple[str, str, int, int]]) -> None:
        """(who, kind, ends_at, size) each: what was not spent, unless its window is over."""
        rows = [
            {"of_whom": who, "of_kind": kind, "then_ends_at": ends_at, "less": size}
            for who, kind, ends_at, size in sorted(shares)  # locked in one order
        ]
        if rows:
            await self._connection.execute(_GIVE_BACK, rows)

    async def taken(self, who: str, now: int) -> dict[str, tuple[int, int]]:
        """By kind: how many in the window that runs, and when that ends."""
        query = select(rates.c.kind, rates.c.taken, rates.c.ends_at).where(
            rates.c.who == who, rates.c.ends_at > now
        )
        rows = await self._connection.execute(query)
        return {kind: (taken, ends_at) for kind, taken, ends_at in rows}

    async def forget(self, now: int) -> int:
        """Drop what is over; how many."""
        result = await self._connection.execute(
            delete(rates).where(rates.c.ends_at <= now), execution_options={MANY_ROWS: True}
        )
        return result.rowcount


def _runs(rate: Rate, ends_at: int, now: int) -> bool:
    """Nodes' clocks may differ a little; a window that ends far ahead was opened before the clock was set back."""
    return now < ends_at <= now + 2 * rate.window


def _this() -> ColumnElement[bool]:
    return and_(rates.c.who == bindparam("of_whom"), rates.c.kind == bindparam("of_kind"))


_SET = (
    update(rates)
    .where(_this())
    .values(taken=bindparam("now_taken"), ends_at=bindparam("now_ends_at"))
)
_GIVE_BACK = (
    update(rates)
    .where(
        _this(),
        rates.c.ends_at == bindparam("then_ends_at"),
        rates.c.taken >= bindparam("less"),
    )
    .values(taken=rates.c.taken - bindparam("less"))
)
