"""One page of a list that runs from newest to oldest, found by its neighbour and not by its number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Row, Table, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from coatcheck.domain.pages import Page, Window

T = TypeVar("T")


async def page(
    connection: AsyncConnection,
    table: Table,
    where: ColumnElement[bool],
    window: Window,
    as_value: Callable[[Row[Any]], T],
    columns: Sequence[ColumnElement[Any]] | None = None,
    number: str = "id",
) -> Page[T]:
    """The window's items, newest first: `created_at` of the table and its column `number` order the list."""
    own = table.c[number]
    place = tuple_(table.c.created_at, own)
    total = int(await connection.scalar(select(func.count()).select_from(table).where(where)) or 0)
    query = select(*(columns or table.c)).where(where)
    backwards = window.before is not None or window.tail
    limit = window.limit
    if window.after:
        query = query.where(place < tuple_(window.after.created_at, window.after.id))
    elif window.before:
        query = query.where(place > tuple_(window.before.created_at, window.before.id))
    elif window.tail:
        limit = total % window.limit or window.limit
    newest_first = (table.c.created_at.desc(), own.desc())
    order = (table.c.created_at, own) if backwards else newest_first
    rows = (await connection.execute(query.order_by(*order).limit(limit))).all()
    if not rows:
        some = total > 0  # and all of them on the other side of the mark
        return Page(
            [],
            total,
            newer=some and window.after is not None,
            older=some and window.before is not None and window.after is None,
        )
    if backwards:
        rows = rows[::-1]

    async def beyond(side: ColumnElement[bool]) -> bool:
        return (
            await connection.execute(select(1).select_from(table).where(where, side).limit(1))
        ).first() is not None

    first, last = rows[0], rows[-1]
    newer = await beyond(place > tuple_(first.created_at, first._mapping[number]))
    older = await beyond(place < tuple_(last.created_at, last._mapping[number]))
    return Page([as_value(row) for row in rows], total, newer, older)
