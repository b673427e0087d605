from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import IntegrityError

from coatcheck.domain.errors import Unavailable
from coatcheck.repositories import engine
from coatcheck.repositories.engine import (
    journal_settings,
    open_engine,
    write_ahead_log_is_safe,
)
from coatcheck.repositories.sqlite_driver import sqlite
from coatcheck.repositories.transactions import Transactions
from tests.core import core, lay_out


@asynccontextmanager
async def threads_of_its_own() -> AsyncIterator[None]:
    """A connection that could not be opened tells its loop so from its thread: while there is one."""
    before = set(threading.enumerate())
    yield
    while any(thread not in before for thread in threading.enumerate()):
        await asyncio.sleep(0.001)


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ((3, 7, 0), False),
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 44, 7), True),
        ((3, 45, 0), False),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 0), False),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 52, 0), True),
        ((4, 0, 0), True),
    ],
)
def test_the_write_ahead_log_is_used_only_where_it_cannot_lose_a_commit(
    version: tuple[int, int, int], safe: bool
):
    assert write_ahead_log_is_safe(version) is safe
    assert journal_settings(version) == (("wal", "full") if safe else ("delete", "extra"))


@pytest.mark.parametrize(("safe", "journal", "level"), [(True, "wal", 2), (False, "delete", 3)])
async def test_every_connection_has_the_settings_that_survive_a_power_cut(
    safe: bool, journal: str, level: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(engine, "write_ahead_log_is_safe", lambda _version: safe)
    opened = open_engine(f"sqlite:///{tmp_path}/new/a.db")
    connections = [await opened.connect() for _ in range(3)]
    for connection in connections:
        asked = [
            await connection.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
        assert asked == [journal, level, 1]
        await connection.close()
    await opened.dispose()


async def test_a_database_that_does_not_take_its_settings_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(engine, "_SYNCHRONOUS", {"full": 7, "extra": 7})
    async with threads_of_its_own():
        opened = open_engine(f"sqlite:///{tmp_path}/a.db")
        with pytest.raises(RuntimeError, match="durability"):
            _ = await opened.connect()
        await opened.dispose()


@pytest.mark.sqlite
async def test_a_writer_takes_its_lock_at_the_start_and_a_reader_takes_none(tmp_path: Path):
    async with core(tmp_path) as place:
        begun: list[str] = []

        def note(statement: str) -> None:
            if statement.startswith("BEGIN"):
                begun.append(statement)

        def listen(connection: Any, *_: Any) -> None:
            connection.driver_connection.set_trace_callback(note)

        event.listen(place.engine.sync_engine, "checkout", listen)
        async with place.services.transactions.write(), place.services.transactions.read() as facts:
            assert await facts.keys.all() == []
        assert begun == ["BEGIN IMMEDIATE", "BEGIN"]


async def test_what_a_transaction_wrote_is_gone_when_it_fails(tmp_path: Path):
    async with core(tmp_path) as place:
        token = await place.key()
        ann = await place.services.keys.authenticate(token)

        async def fail() -> None:
            async with place.services.transactions.write() as facts:
                await facts.quotas.reserve(ann.id, 5)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        async with place.services.transactions.read() as facts:
            assert (await facts.quotas.usage(ann.id)).reserved == 0


async def test_references_are_enforced(tmp_path: Path):
    async with core(tmp_path) as place:
        with pytest.raises(IntegrityError):
            async with place.services.transactions.write() as facts:
                await facts.quotas.open(999)


@pytest.mark.sqlite
async def test_a_database_that_another_process_holds_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(engine, "BUSY_TIMEOUT", 0)
    async with core(tmp_path) as place:
        other = sqlite.connect(tmp_path / "coatcheck.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Unavailable) as caught:
            async with place.services.transactions.write():
                pass
        assert caught.value.facts["retry_after"]
        other.execute("COMMIT")
        other.close()
        async with place.services.transactions.write():
            pass


@pytest.mark.sqlite
async def test_a_database_file_that_cannot_be_opened_is_unavailable(tmp_path: Path):
    lay_out(tmp_path)
    async with threads_of_its_own():
        opened = open_engine(f"sqlite:///{tmp_path}/coatcheck.db")
        transactions = Transactions(opened)
        (tmp_path / "coatcheck.db").unlink()
        (tmp_path / "coatcheck.db").mkdir()
        with pytest.raises(Unavailable):
            async with transactions.read():
                pass
        with pytest.raises(Unavailable):
            async with transactions.write():
                pass
        await opened.dispose()


async def test_writers_of_one_process_wait_for_each_other(tmp_path: Path):
    async with core(tmp_path) as place:
        ann = await place.services.keys.authenticate(await place.key())

        async def add() -> None:
            async with place.services.transactions.write() as facts:
                held = (await facts.quotas.usage(ann.id)).reserved
                await asyncio.sleep(0)
                await facts.quotas.reserve(ann.id, held + 1 - held)

        await asyncio.gather(*(add() for _ in range(30)))
        async with place.services.transactions.read() as facts:
            assert (await facts.quotas.usage(ann.id)).reserved == 30
