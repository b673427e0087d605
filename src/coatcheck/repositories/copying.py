"""Copying all facts from one database to another, of the same kind or not: all of them, compared, or none."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Row,
    Select,
    Table,
    func,
    insert,
    literal,
    select,
    text,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from coatcheck.domain.errors import Unavailable
from coatcheck.repositories.engine import open_engine
from coatcheck.repositories.failures import in_our_words
from coatcheck.repositories.postgresql import Patience
from coatcheck.repositories.schema import REVISION, revision, upgrade
from coatcheck.repositories.tables import installation, metadata, tallies

#: Rows that are in memory at once, and of those that may carry bytes.
_BATCH = 1000
_HEAVY = {"parts": 50, "derivatives": 50}

#: What is the database's own and not to be copied: which programs it serves, and which host serves it.
_OWN = ("serves_since", "host")
_HOST = "host"

#: The target counts by itself what is copied into it.
_TABLES = [table for table in metadata.sorted_tables if table is not tallies]

#: Checksums of rows are added up, so that their order does not count.
_MODULUS = 1 << 256


async def copy(source: str, target: str, now: int, tell: Callable[[str, int], object]) -> None:
    """Fill an empty database; it is migrated first where it has no tables. `tell` hears of each table and its rows.

    Nobody may write to the source meanwhile: its lock is held. One transaction in the target: it has all at the end, or
    nothing. Raises ValueError for databases that cannot be copied so, Unavailable where a server is at work.
    """
    if source == target:
        raise ValueError("a database cannot be copied to itself")
    with in_our_words():
        await upgrade(target)
        patience = Patience(statement=0, idle=0)
        old, new = open_engine(source, patience=patience), open_engine(target, patience=patience)
        try:
            await _copy(old, new, now, tell)
        finally:
            await old.dispose()
            await new.dispose()


async def _copy(
    old: AsyncEngine, new: AsyncEngine, now: int, tell: Callable[[str, int], object]
) -> None:
    async with old.begin() as source, new.begin() as target:
        await _lock(source)
        for connection, which in ((source, "from"), (target, "to")):
            if (found := await revision(connection)) != REVISION:
                raise ValueError(
                    f"the database to copy {which} has version {found or 'nothing'}, and this program copies version"
                    f" {REVISION}: run `coatcheck db upgrade`"
                )
        await _refuse_a_server_at_work(source, now)
        for table in _TABLES:
            if await target.scalar(select(1).select_from(table).where(_copied(table)).limit(1)):
                raise ValueError(f"the database to copy to is not empty: it has {table.name}")
        for table in _TABLES:
            number, checksum = await _fill(table, source, target)
            if await _sum(table, target) != (number, checksum):
                raise Unavailable(
                    f"What was written to {table.name} is not what is read from it: nothing was copied."
                )
            tell(table.name, number)
        await _go_on_counting(source, target)


async def _lock(source: AsyncConnection) -> None:
    """SQLite's transactions that may write are alone already."""
    if source.dialect.name == "postgresql":
        names = ", ".join(f'"{table.name}"' for table in metadata.sorted_tables)
        await source.execute(text(f"LOCK TABLE {names} IN SHARE MODE"))


async def _refuse_a_server_at_work(source: AsyncConnection, now: int) -> None:
    """It would write to the old database again after the copy. Only hosts that serve alone tell of themselves."""
    lease = await source.scalar(select(installation.c.value).where(installation.c.name == _HOST))
    holder: dict[str, Any] = json.loads(lease) if lease else {}
    if holder and holder["until"] > now:
        raise Unavailable(
            f"A server on {holder['name']} uses the database: stop it first. If it was killed, wait"
            f" {(holder['until'] - now) // 1000 + 1} s."
        )


async def _fill(table: Table, source: AsyncConnection, target: AsyncConnection) -> tuple[int, int]:
    """How many rows, and their checksum."""
    number = checksum = 0
    async for rows in _rows(table, source):
        await target.execute(insert(table), [dict(row._mapping) for row in rows])
        number += len(rows)
        checksum += _checksum(rows)
    all_rows = select(func.count()).select_from(table).where(_copied(table))
    if await source.scalar(all_rows) != number:
        raise ValueError(
            f"some rows of {table.name} refer to each other in a circle: `coatcheck fsck` tells which"
        )
    return number, checksum % _MODULUS


async def _sum(table: Table, connection: AsyncConnection) -> tuple[int, int]:
    number = checksum = 0
    async for rows in _rows(table, connection):
        number += len(rows)
        checksum += _checksum(rows)
    return number, checksum % _MODULUS


def _checksum(rows: Iterable[Row[Any]]) -> int:
    return sum(int.from_bytes(hashlib.sha256(_canonical(row)).digest()) for row in rows)


def _canonical(row: Row[Any]) -> bytes:
    """The same for the same row, whichever database it was read from."""
    return json.dumps(
        [bytes(each).hex() if isinstance(each, bytes | memoryview) else each for each in row],
        sort_keys=True,
    ).encode()


async def _rows(table: Table, connection: AsyncConnection) -> AsyncIterator[Sequence[Row[Any]]]:
    """All rows in batches by primary key, those that others of the same table refer to first."""
    parents = [
        each for each in table.c if any(key.column.table is table for key in each.foreign_keys)
    ]
    depth = 0
    while True:
        some = False
        async for rows in _paged(table, _level(table, parents, depth), connection):
            some = True
            yield rows
        if not parents or not some:
            return
        depth += 1


def _level(table: Table, parents: list[Column[Any]], depth: int) -> Select[Any]:
    """The rows that have so many others of the same table above them; all rows of one that does not refer to itself."""
    query, lowest = select(table).where(_copied(table)), table.c
    for parent in parents:
        for _ in range(depth):
            above = table.alias()
            query = query.join(above, lowest[parent.name] == above.c.id)
            lowest = above.c
        query = query.where(lowest[parent.name].is_(None))
    return query


async def _paged(
    table: Table, query: Select[Any], connection: AsyncConnection
) -> AsyncIterator[Sequence[Row[Any]]]:
    key = list(table.primary_key.columns)
    limit = _HEAVY.get(table.name, _BATCH)
    last: list[Any] | None = None
    while True:
        page = query.order_by(*key).limit(limit)
        if last is not None:
            page = page.where(tuple_(*key) > tuple_(*last))
        rows = (await connection.execute(page)).all()
        if not rows:
            return
        yield rows
        last = [rows[-1]._mapping[column] for column in key]


def _copied(table: Table) -> ColumnElement[bool]:
    if table is installation:
        return installation.c.name.not_in(_OWN)
    return literal(1) == 1


async def _go_on_counting(source: AsyncConnection, target: AsyncConnection) -> None:
    """No row id is ever given out twice, not even that of a row which is gone."""
    for table in _TABLES:
        if table.dialect_options["sqlite"]["autoincrement"]:
            last = await _last_id(table, source)
            if last:
                await _count_from(table, target, last)


async def _last_id(table: Table, connection: AsyncConnection) -> int:
    if connection.dialect.name == "sqlite":
        query = text("SELECT seq FROM sqlite_sequence WHERE name = :name")
    else:
        query = text("SELECT pg_sequence_last_value(pg_get_serial_sequence(:name, 'id')::regclass)")
    noted = await connection.scalar(query, {"name": table.name})
    highest = await connection.scalar(select(func.max(table.c.id)))
    return max(int(noted or 0), int(highest or 0))


async def _count_from(table: Table, connection: AsyncConnection, last: int) -> None:
    given = {"name": table.name, "last": last}
    if connection.dialect.name == "sqlite":
        sequences = text("DELETE FROM sqlite_sequence WHERE name = :name")
        await connection.execute(sequences, given)
        await connection.execute(text("INSERT INTO sqlite_sequence VALUES (:name, :last)"), given)
    else:
        await connection.execute(
            text("SELECT setval(pg_get_serial_sequence(:name, 'id'), :last)"), given
        )
