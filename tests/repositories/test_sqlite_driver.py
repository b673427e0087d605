"""SQLite's driver: what is quick is done at once, and nothing that may wait keeps the event loop waiting."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

from coatcheck.repositories import engine as opening
from coatcheck.repositories.engine import for_reading, open_engine
from coatcheck.repositories.sqlite_driver import sqlite

pytestmark = pytest.mark.sqlite

_COUNT = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {0}) SELECT count(*) FROM n"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(f"sqlite:///{tmp_path}/a.db")
    async with engine.begin() as connection:
        await connection.execute(
            text("CREATE TABLE coats (id INTEGER PRIMARY KEY, name TEXT UNIQUE)")
        )
    yield engine
    await engine.dispose()


@asynccontextmanager
async def longest_pause() -> AsyncIterator[list[float]]:
    """Seconds for which the loop at most gave nobody a turn, in the list at the end of the block."""
    pauses = [0.0]

    async def watch() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0)
            pauses[0] = max(pauses[0], time.perf_counter() - before)

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0)
    try:
        yield pauses
    finally:
        watching.cancel()


def _sqlite_threads() -> int:
    return sum(thread.name.startswith("sqlite") for thread in threading.enumerate())


async def test_a_statement_that_is_quick_needs_no_thread(database: AsyncEngine):
    await database.dispose()
    while _sqlite_threads():
        await asyncio.sleep(0.001)
    async with database.connect() as connection:
        assert await connection.scalar(text("SELECT 1")) == 1
        assert _sqlite_threads() == 0


async def test_a_long_query_does_not_hold_up_the_loop_and_is_answered(database: AsyncEngine):
    async with database.connect() as connection, longest_pause() as pauses:
        query = f"SELECT ({_COUNT.format(2_000_000)})"
        began = time.perf_counter()
        assert await connection.scalar(text(query)) == 2_000_000
        took = time.perf_counter() - began
    assert pauses[0] < took / 2


async def test_a_lock_of_another_is_waited_for_without_holding_up_the_loop(
    database: AsyncEngine, tmp_path: Path
):
    other = sqlite.connect(tmp_path / "a.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    async with longest_pause() as pauses:
        loop = asyncio.get_running_loop()
        loop.call_later(0.3, other.execute, "COMMIT")
        began = loop.time()
        async with database.begin() as connection:
            waited = loop.time() - began
            await connection.execute(text("INSERT INTO coats (name) VALUES ('blue')"))
    other.close()
    assert waited > 0.25
    assert pauses[0] < 0.25


async def test_a_lock_that_is_never_given_up_is_not_waited_for_for_ever(
    database: AsyncEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(opening, "BUSY_TIMEOUT", 0.1)
    patient = open_engine(f"sqlite:///{tmp_path}/a.db")
    other = sqlite.connect(tmp_path / "a.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OperationalError, match="locked"):
        async with patient.begin():
            pass
    other.close()
    await patient.dispose()


async def test_many_rows_at_once_are_all_written(database: AsyncEngine):
    rows = [{"name": f"coat {number}"} for number in range(2000)]
    async with database.begin() as connection:
        await connection.execute(text("INSERT INTO coats (name) VALUES (:name)"), rows)
    async with database.connect() as connection:
        result = await connection.execute(text("SELECT name FROM coats ORDER BY id"))
        assert [row.name for row in result] == [row["name"] for row in rows]


async def test_rows_are_there_although_others_wrote_since(database: AsyncEngine):
    async with database.begin() as connection:
        await connection.execute(text("INSERT INTO coats (name) VALUES ('red'), ('green')"))
    async with for_reading(database).connect() as reading:
        result = await reading.execute(text("SELECT name FROM coats ORDER BY id"))
        async with database.begin() as connection:
            await connection.execute(text("DELETE FROM coats"))
        assert result.scalars().all() == ["red", "green"]


async def test_what_is_refused_is_told_as_ever_and_undone(database: AsyncEngine):
    async def twice() -> None:
        async with database.begin() as connection:
            await connection.execute(text("INSERT INTO coats (name) VALUES ('red')"))
            await connection.execute(text("INSERT INTO coats (name) VALUES ('red')"))

    with pytest.raises(IntegrityError):
        await twice()
    async with database.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM coats")) == 0


async def test_a_commit_that_is_cancelled_is_carried_out(database: AsyncEngine):
    connection = await database.connect()
    await connection.execute(text("INSERT INTO coats (name) VALUES ('red')"))
    committing = asyncio.create_task(connection.commit())
    await asyncio.sleep(0)
    committing.cancel()
    await asyncio.wait((committing,))
    assert committing.cancelled()
    await connection.close()
    async with database.connect() as again:
        assert await again.scalar(text("SELECT count(*) FROM coats")) == 1


async def test_its_threads_end_with_the_engine(database: AsyncEngine):
    async with database.begin() as connection:
        await connection.execute(text("INSERT INTO coats (name) VALUES ('red')"))
    assert _sqlite_threads()
    await database.dispose()
    while _sqlite_threads():
        await asyncio.sleep(0.001)


def test_the_library_is_the_newer_of_the_two():
    import sqlite3 as pythons

    assert sqlite.sqlite_version_info >= pythons.sqlite_version_info
