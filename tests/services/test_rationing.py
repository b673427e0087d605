"""Rates that several processes hold together: here each is a `Rationing` of its own over one database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import event

from coatcheck.domain.rate import MINUTE, Rate, granted
from coatcheck.services.rationing import Rationing
from tests.core import Core, core

RATE = Rate(100, MINUTE)
ANN = ("principal 1", "requests")


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Core]:
    async with core(tmp_path) as place:
        yield place


@asynccontextmanager
async def processes(place: Core, count: int, idle: float = 60) -> AsyncIterator[list[Rationing]]:
    transactions = place.services.transactions
    made = [Rationing(transactions, place.clock, idle=idle) for _ in range(count)]
    yield made
    for each in made:
        await each.close()


async def allowed(one: Rationing, times: int, rate: Rate = RATE) -> int:
    return sum([not (await one.take(*ANN, rate)).exceeded for _ in range(times)])


async def test_alone_the_figures_are_exact_and_the_one_too_many_is_refused(place: Core) -> None:
    async with processes(place, 1) as (one,):
        standings = [await one.take(*ANN, RATE) for _ in range(102)]
    assert [each.remaining for each in standings] == [*range(99, -1, -1), 0, 0]
    assert [each.exceeded for each in standings] == [False] * 100 + [True] * 2


@pytest.mark.parametrize("limit", [1, 2, 7, 30, 100, 600])
async def test_all_together_get_the_limit_and_not_one_more(place: Core, limit: int) -> None:
    rate = Rate(limit, MINUTE)
    async with processes(place, 4) as together:
        # None has all of it before another has begun.
        first = await asyncio.gather(*(allowed(each, 1, rate) for each in together))
        more = await asyncio.gather(*(allowed(each, limit, rate) for each in together))
    got = [sum(each) for each in zip(first, more, strict=True)]
    assert sum(got) == limit
    assert limit < 7 or all(got), "some got nothing"


async def test_in_the_next_window_all_begin_anew(place: Core) -> None:
    async with processes(place, 2) as (one, other):
        assert await allowed(one, 61) + await allowed(other, 60) in range(90, 101)
        place.clock.advance(59)
        assert await allowed(one, 60) + await allowed(other, 60) < 11
        assert (await one.take(*ANN, RATE)).exceeded
        assert (await other.take(*ANN, RATE)).reset == 1
        place.clock.advance(1)
        assert await allowed(one, 61) + await allowed(other, 60) in range(90, 101)


async def test_a_share_of_the_window_before_is_worth_nothing(place: Core) -> None:
    async with processes(place, 2) as (one, other):
        await allowed(one, 20)
        assert one.look(*ANN, RATE).remaining == 80
        place.clock.advance(60)
        assert one.look(*ANN, RATE).remaining == 100
        assert await allowed(other, 100) == 100
        assert await allowed(one, 1) == 0


async def test_what_lies_idle_with_one_is_given_back_to_the_others(place: Core) -> None:
    async with processes(place, 2, idle=0.3) as (one, other):
        assert await allowed(one, 17) == 17
        before = await allowed(other, 100)
        assert before < 83, "one holds more than it has spent"
        await asyncio.sleep(1)
        place.clock.advance(1)
        assert 17 + before + await allowed(other, 100) == 100


async def test_in_the_end_nothing_is_lost_to_idleness(place: Core) -> None:
    async with processes(place, 3, idle=0.02) as together:
        total = 0
        for _ in range(12):
            total += sum(await asyncio.gather(*(allowed(each, 5) for each in together)))
            await asyncio.sleep(0.1)
            place.clock.advance(1)
        assert total == 100


async def test_a_busy_caller_costs_a_transaction_for_many_requests(place: Core) -> None:
    commits = 0

    def count(_connection: object) -> None:
        nonlocal commits
        commits += 1

    rate = Rate(600, MINUTE)
    event.listen(place.engine.sync_engine, "commit", count)
    async with processes(place, 1) as (one,):
        assert await allowed(one, 400, rate) == 400
    assert commits < 30
    assert granted(600, 0, 1000) == 32


async def test_those_that_wait_together_share_a_transaction(place: Core) -> None:
    async with processes(place, 1) as (one,):
        standings = await asyncio.gather(*(one.take(*ANN, RATE) for _ in range(25)))
    assert sorted(each.remaining for each in standings) == [*range(75, 100)]


async def test_callers_and_kinds_are_counted_apart(place: Core) -> None:
    async with processes(place, 1) as (one,):
        assert await allowed(one, 101) == 100
        assert not (await one.take("principal 2", "requests", RATE)).exceeded
        assert not (await one.take("principal 1", "wrong keys", RATE)).exceeded


async def test_a_clock_that_was_set_back_keeps_nobody_out(place: Core) -> None:
    async with processes(place, 1) as (one,):
        assert await allowed(one, 101) == 100
        place.clock.advance(-3600)
        assert await allowed(one, 1) == 1


async def test_a_sweep_drops_what_is_over_and_nothing_else(place: Core) -> None:
    async with processes(place, 1) as (one,):
        await one.take(*ANN, RATE)
        place.clock.advance(30)
        await one.take("principal 2", "requests", RATE)
        place.clock.advance(30)
        await place.services.reaping.sweep()
    async with place.engine.connect() as connection:
        rows = (await connection.exec_driver_sql("SELECT who FROM rates")).all()
    assert [tuple(row) for row in rows] == [("principal 2",)]
