"""A copy of a database is the same facts in another one: all of them, or nothing; and they go on being used there."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select, text

from coatcheck.domain.claim import ById
from coatcheck.domain.container import ContainerRef
from coatcheck.domain.derivative import Derivative
from coatcheck.domain.errors import Unavailable
from coatcheck.domain.lifecycle import State
from coatcheck.domain.rate import Rate
from coatcheck.domain.slot import Slot
from coatcheck.host import this_host
from coatcheck.repositories import copying
from coatcheck.repositories.copying import copy
from coatcheck.repositories.engine import open_engine
from coatcheck.repositories.schema import upgrade
from coatcheck.repositories.sqlite_driver import sqlite
from coatcheck.repositories.tables import installation, metadata, tallies
from tests import deeds
from tests.core import Core, core
from tests.engines import postgres

pytestmark = pytest.mark.sqlite

NOW = 1_750_000_000_000


def quiet(_table: str, _rows: int) -> None:
    pass


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


async def fill(place: Core) -> None:
    """Something in every table, and holes where rows have gone."""
    ann = await deeds.principal(place)
    await deeds.principal(place, tenant="evil", login="eve")
    for seed in range(5):
        await deeds.deposit(place, ann, deeds.content(100, seed))
    large = await deeds.deposit(place, ann, deeds.content(deeds.LARGE), name="ä\u2028\U0001f9e5")
    await deeds.file_away(place, ann, b"in the tree", "z/y/x.bin")
    await deeds.receive(place, deeds.a_part(ann, deeds.content(2000, 2), total=5000, start=0))
    await deeds.post(place, ann, large, request=deeds.request_id())
    gone = await deeds.deposit(place, ann, deeds.content(10, 7))
    await place.services.deleting.delete(ann, ById(gone.id), [State.DETACHED])
    async with place.services.transactions.write() as facts:
        await facts.derivatives.keep(large.id, "s", Derivative("image/png", bytes(range(256))))
        await facts.failed_uploads.note("who", "what", place.clock.now())
        await facts.rates.take("ann", "uploads", Rate(10, 300_000), 2, place.clock.now())
        await facts.containers.next_number(ann.tenant_id, "QUEUE")
        top = await facts.folders.add(ann.tenant_id, None, "newer", place.clock.now())
        (z,) = [each for each in await facts.folders.all(ann.tenant_id) if each.name == "z"]
        await facts.folders.move(
            z.id, top, "z", place.clock.now()
        )  # a parent younger than its child
        issue = await facts.containers.add(
            tenant_id=ann.tenant_id,
            owner_id=ann.id,
            ref=ContainerRef("issue", "Q-1"),
            now=place.clock.now(),
        )
        assert issue
        comment = ContainerRef("comment", "1")
        await facts.containers.add(
            tenant_id=ann.tenant_id,
            owner_id=ann.id,
            ref=comment,
            now=place.clock.now(),
            parent_id=issue.id,
        )
        intent = deeds.an_intent(ann, place.clock.now(), reserved=0)
        await facts.slots.add(large.id, [Slot(start=0, size=10, intent=intent)])


async def contents(url: str) -> dict[str, list[Any]]:
    """Every row of every table but the database's own."""
    engine = open_engine(url)
    found = {}
    async with engine.begin() as connection:
        for table in metadata.sorted_tables:
            rows = await connection.execute(select(table).order_by(*table.primary_key.columns))
            found[table.name] = [
                tuple(row) for row in rows if row[0] not in ("serves_since", "host")
            ]
        sums = select(
            tallies.c.what,
            tallies.c.whose,
            func.sum(tallies.c.attachments),
            func.sum(tallies.c.bytes),
        )
        rows = await connection.execute(sums.group_by("what", "whose").order_by("what", "whose"))
        found["tallies"] = [tuple(row) for row in rows]  # each database counts in its own way
    await engine.dispose()
    return found


@pytest.fixture
async def filled(tmp_path: Path) -> str:
    async with core(tmp_path / "data", **deeds.BLOBS_ABOVE_1000) as place:
        await fill(place)
        await place.services.belonging.check()
    return url_of(tmp_path / "data" / "coatcheck.db")


async def test_to_postgresql_and_back_everything_is_as_it_was(filled: str, tmp_path: Path):
    postgres.required()
    there, back = postgres.bare_database(), url_of(tmp_path / "back.db")
    before = await contents(filled)
    assert all(before.values())

    await copy(filled, there, NOW, quiet)
    await copy(there, back, NOW, quiet)

    assert await contents(there) == before
    assert await contents(back) == before
    assert await contents(filled) == before


async def test_the_copy_is_used_and_gives_out_no_id_again(filled: str, tmp_path: Path):
    postgres.required()
    there = postgres.bare_database()
    await _lose_the_newest(filled)
    await copy(filled, there, NOW, quiet)
    async with core(tmp_path / "data", database_url=there, **deeds.BLOBS_ABOVE_1000) as place:
        await place.services.belonging.check()
        assert await deeds.findings(place, rehash=True) == []
        ann = await deeds.principal(place)
        made = await deeds.deposit(place, ann, b"new")
        assert made.id == 100_001
        assert await deeds.bytes_of(place, ann, made) == b"new"


async def _lose_the_newest(url: str) -> None:
    """As when the tombstone of a newer attachment was swept."""
    engine = open_engine(url)
    async with engine.begin() as connection:
        await connection.execute(
            text("UPDATE sqlite_sequence SET seq = 100000 WHERE name = 'attachments'")
        )
    await engine.dispose()


async def test_a_database_that_is_not_empty_is_left_as_it_is(filled: str, tmp_path: Path):
    other = url_of(tmp_path / "other.db")
    await copy(filled, other, NOW, quiet)
    with pytest.raises(ValueError, match="not empty: it has "):
        await copy(filled, other, NOW, quiet)
    with pytest.raises(ValueError, match="to itself"):
        await copy(filled, filled, NOW, quiet)


async def test_while_a_server_is_at_work_nothing_is_copied(filled: str, tmp_path: Path):
    async with core(tmp_path / "data") as place:
        async with place.services.hosting.held():
            with pytest.raises(Unavailable, match=f"A server on {this_host().name} uses"):
                await copy(filled, url_of(tmp_path / "other.db"), place.clock.now(), quiet)
        await copy(filled, url_of(tmp_path / "other.db"), place.clock.now(), quiet)


async def test_nobody_can_write_to_the_old_one_meanwhile(filled: str, tmp_path: Path):
    tables: list[str] = []

    def tell(table: str, _rows: int) -> None:
        tables.append(table)
        other = sqlite.connect(filled.removeprefix("sqlite:///"), timeout=0)
        with closing(other), pytest.raises(sqlite.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")

    await copy(filled, url_of(tmp_path / "other.db"), NOW, tell)
    assert sorted(tables) == sorted(
        set(metadata.tables) - {tallies.name}
    )  # which count by themselves


@pytest.mark.parametrize("table", ["attachments", "quotas"])
async def test_a_copy_that_is_not_the_same_is_undone(
    filled: str, tmp_path: Path, table: str, monkeypatch: pytest.MonkeyPatch
):
    spoiled = _spoiling(copying._rows, table)
    monkeypatch.setattr(copying, "_rows", spoiled)
    other = url_of(tmp_path / "other.db")
    with pytest.raises(Unavailable, match=f"What was written to {table} is not what is read"):
        await copy(filled, other, NOW, quiet)
    monkeypatch.undo()
    await copy(filled, other, NOW, quiet)
    assert await contents(other) == await contents(filled)


def _spoiling(rows: Callable[..., Any], spoiled: str) -> Callable[..., Any]:
    """Reads one table of the target with a row missing."""
    asked: list[str] = []

    async def read(table: Any, connection: Any) -> Any:
        asked.append(table.name)
        async for batch in rows(table, connection):
            again = table.name == spoiled and asked.count(spoiled) == 2
            yield batch[1:] if again else batch

    return read


async def test_a_circle_of_folders_is_refused_rather_than_lost(filled: str, tmp_path: Path):
    engine = open_engine(filled)
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE folders SET parent_id = id WHERE name = 'z'"))
    await engine.dispose()
    with pytest.raises(ValueError, match="rows of folders refer to each other in a circle"):
        await copy(filled, url_of(tmp_path / "other.db"), NOW, quiet)


async def test_another_schema_is_refused(filled: str, tmp_path: Path):
    engine = open_engine(filled)
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    await engine.dispose()
    with pytest.raises(ValueError, match="has version 0000"):
        await copy(filled, url_of(tmp_path / "other.db"), NOW, quiet)


async def test_the_databases_own_notes_are_not_copied(tmp_path: Path):
    for name in ("one", "other"):
        await upgrade(url_of(tmp_path / f"{name}.db"))
    engine = open_engine(url_of(tmp_path / "one.db"))
    async with engine.begin() as connection:
        await connection.execute(insert(installation).values(name="host", value='{"until": 1}'))
        await connection.execute(insert(installation).values(name="store_id", value="s"))
    await engine.dispose()
    await copy(url_of(tmp_path / "one.db"), url_of(tmp_path / "other.db"), NOW, quiet)
    found = await contents(url_of(tmp_path / "other.db"))
    assert found["installation"] == [("store_id", "s")]
