"""Writers of SQLite that share a transaction: one commit for all, and each for itself where one fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast
from unittest import mock

import pytest
from sqlalchemy import text

from coatcheck.domain.errors import Contended, OutcomeUnknown
from coatcheck.repositories import writing
from coatcheck.repositories.sqlite_driver import MANY_ROWS
from coatcheck.repositories.transactions import Facts
from tests.core import Core, core
from tests.crash.failing_database import FailingDatabase

pytestmark = pytest.mark.sqlite


class Refused(Exception):
    pass


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Core]:
    async with core(tmp_path) as place:
        yield place


@contextmanager
def commits(place: Core) -> Iterator[list[str]]:
    """One for each that comes to the driver."""
    seen: list[str] = []
    real = place.engine.dialect.do_commit

    def noted(*args: Any) -> None:
        seen.append("commit")
        real(*args)

    with mock.patch.object(place.engine.dialect, "do_commit", noted):
        yield seen


async def write(
    place: Core,
    name: str,
    *,
    fails: type[BaseException] | None = None,
    until: asyncio.Event | None = None,
) -> None:
    async with place.services.transactions.write() as facts:
        assert await facts.installed.add(name, "x")
        await (until.wait() if until else asyncio.sleep(0))
        if fails:
            raise fails


async def written(place: Core, names: list[str]) -> list[str]:
    async with place.services.transactions.read() as facts:
        return [name for name in names if await facts.installed.get(name)]


def some(count: int) -> list[str]:
    return [f"n{number}" for number in range(count)]


async def test_those_who_wait_while_one_writes_share_its_commit(place: Core) -> None:
    names = some(20)
    with commits(place) as seen:
        await asyncio.gather(*(write(place, name) for name in names))
    assert await written(place, names) == names
    assert len(seen) <= 2


async def test_no_more_than_so_many_wait_for_one_another(
    place: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "_TOGETHER", 5)
    with commits(place) as seen:
        await asyncio.gather(*(write(place, name) for name in some(20)))
    assert 4 <= len(seen) <= 6


@pytest.mark.parametrize("at", [0, 1, 9], ids=["first", "second", "last"])
@pytest.mark.parametrize("kind", [Refused, asyncio.CancelledError])
async def test_one_that_fails_is_undone_alone(
    place: Core, at: int, kind: type[BaseException]
) -> None:
    names = some(10)
    outcomes = await asyncio.gather(
        *(write(place, name, fails=kind if n == at else None) for n, name in enumerate(names)),
        return_exceptions=True,
    )
    assert [type(each) for each in outcomes if each] == [kind]
    assert await written(place, names) == names[:at] + names[at + 1 :]


async def test_who_is_refused_for_what_he_saw_has_his_answer_when_that_is_durable(
    place: Core,
) -> None:
    async def second() -> bool:
        try:
            await write(place, "one")
        except AssertionError:  # it is there already
            return await written(place, ["one"]) == ["one"]
        return False

    outcomes = await asyncio.gather(write(place, "one"), second(), second())
    assert list(outcomes) == [None, True, True]


async def test_who_is_refused_for_what_was_not_recorded_tries_again(place: Core) -> None:
    with FailingDatabase(1, after=False, only_commits=True).under(place.engine):
        outcomes = await asyncio.gather(
            write(place, "one"), write(place, "one"), return_exceptions=True
        )
    assert [type(each) for each in outcomes] == [OutcomeUnknown, Contended]


async def test_a_commit_that_fails_is_everybodys(place: Core) -> None:
    names = some(6)
    with FailingDatabase(1, after=False, only_commits=True).under(place.engine):
        outcomes = await asyncio.gather(
            *(write(place, name) for name in names), return_exceptions=True
        )
    assert {type(each) for each in outcomes} == {OutcomeUnknown}
    assert await written(place, names) == []
    await write(place, "after")
    assert await written(place, ["after"]) == ["after"]


async def test_where_the_database_gives_up_the_transaction_nobody_is_told_that_it_was_recorded(
    place: Core,
) -> None:
    """As SQLite does when its disk is full: what came before is undone with it, and is done again by its callers."""

    async def last() -> None:
        async with place.services.transactions.write() as facts:
            await cast(Facts, facts)._connection.execute(text("ROLLBACK"))
            raise Refused

    names = some(3)
    outcomes = await asyncio.gather(
        *(write(place, name) for name in names), last(), return_exceptions=True
    )
    assert [type(each) for each in outcomes] == [Contended, Contended, Contended, Refused]
    assert await written(place, names) == []
    await write(place, "after")
    assert await written(place, ["after"]) == ["after"]


async def test_a_statement_that_is_broken_off_in_its_thread_costs_nobody_his_answer(
    place: Core,
) -> None:
    """SQLAlchemy gives the connection up then, and with it what the others had written: they do it again."""
    at_it = asyncio.Event()

    async def long() -> None:
        async with place.services.transactions.write() as facts:
            at_it.set()
            await cast(Facts, facts)._connection.execute(
                text(
                    "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 500000)"
                    " SELECT sum(x) FROM c"
                ),
                execution_options={MANY_ROWS: True},
            )

    tasks = [asyncio.create_task(each) for each in (write(place, "a"), long(), write(place, "b"))]
    await at_it.wait()
    await asyncio.sleep(0.01)
    tasks[1].cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each) for each in outcomes] == [Contended, asyncio.CancelledError, type(None)]
    assert await written(place, ["a", "b"]) == ["b"]


async def test_who_is_cancelled_is_so_also_where_the_commit_fails(place: Core) -> None:
    with FailingDatabase(1, after=False, only_commits=True).under(place.engine):
        tasks = [
            asyncio.create_task(each)
            for each in (write(place, "a"), write(place, "c", until=asyncio.Event()))
        ]
        for _ in range(30):
            await asyncio.sleep(0)
        tasks[1].cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each) for each in outcomes] == [OutcomeUnknown, asyncio.CancelledError]


async def test_who_is_cancelled_while_he_waits_keeps_nobody_from_the_commit(place: Core) -> None:
    names = some(4)
    writers = [asyncio.create_task(write(place, name)) for name in names]
    await asyncio.sleep(0)
    for each in writers[1:]:
        each.cancel()
    async with asyncio.timeout(20):
        outcomes = await asyncio.gather(*writers, return_exceptions=True)
    assert outcomes[0] is None
    assert await written(place, names) == names[:1]


async def test_one_who_hangs_up_after_his_part_waits_for_the_commit_all_the_same(
    place: Core,
) -> None:
    over = asyncio.Event()

    first = asyncio.create_task(write(place, "first"))
    await asyncio.sleep(0)
    second = asyncio.create_task(write(place, "slow", until=over))
    for _ in range(20):
        await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0.01)
    assert not first.done()
    over.set()
    outcomes = await asyncio.gather(first, second, return_exceptions=True)
    assert isinstance(outcomes[0], asyncio.CancelledError)
    assert await written(place, ["first", "slow"]) == ["first", "slow"]
