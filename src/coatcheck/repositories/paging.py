"""One page of a list that runs from newest to oldest, found by its neighbour and not by its number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import (
    CompoundSelect,
    Row,
    Select,
    UnaryExpression,
    asc,
    desc,
    tuple_,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from coatcheck.domain.pages import Mark, Page, Window

T = TypeVar("T")


async def page(
    connection: AsyncConnection,
    branches: Sequence[Select[Any]],
    window: Window,
    as_value: Callable[[Row[Any]], T],
    number: str = "id",
) -> Page[T]:
    """The window's items, newest first: `created_at` and the column `number` order the list.

    Each branch is a query that an index answers in this order, and no two have a row in common: so the database merges
    them and stops at the limit, however many there are. Of an OR between them it would look at every row. PostgreSQL
    merges none, and gets as many as are wanted of each.
    """
    merges = connection.dialect.name == "sqlite"
    backwards = window.before is not None or window.tail
    mark = window.after or window.before
    found = _from(branches, mark, number, newer=backwards)
    rows = (
        await connection.execute(_ordered(found, number, backwards, window.limit + 1, merges))
    ).all()
    more, rows = len(rows) > window.limit, rows[: window.limit]
    passed = False  # whether there is something on the side where the window begins
    if mark is not None:
        edge = Mark(rows[0].created_at, rows[0]._mapping[number]) if rows else None
        behind = _from(branches, edge, number, newer=not backwards)
        nearest = _ordered(behind, number, not backwards, 1, merges)
        passed = (await connection.execute(nearest)).first() is not None
    newer, older = (more, passed) if backwards else (passed, more)
    return Page([as_value(row) for row in (rows[::-1] if backwards else rows)], newer, older)


def _from(
    branches: Sequence[Select[Any]], mark: Mark | None, number: str, *, newer: bool
) -> list[Select[Any]]:
    """Those on one side of the mark; where there is none, all of them."""
    if mark is None:
        return list(branches)
    edge = tuple_(mark.created_at, mark.id)
    found = []
    for branch in branches:
        columns = branch.selected_columns
        place = tuple_(columns["created_at"], columns[number])
        found.append(branch.where(place > edge if newer else place < edge))
    return found


def _ordered(
    branches: Sequence[Select[Any]], number: str, ascending: bool, limit: int, merges: bool
) -> Select[Any] | CompoundSelect[Any]:
    names = ("created_at", number)
    order: list[UnaryExpression[Any]] = [asc(name) if ascending else desc(name) for name in names]
    if len(branches) == 1:
        return branches[0].order_by(*order).limit(limit)
    if not merges:
        branches = [each.order_by(*order).limit(limit) for each in branches]
    return union_all(*branches).order_by(*order).limit(limit)
