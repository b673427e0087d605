"""Where one host may serve alone, a second one is refused: until the first has stopped, or is known to be dead."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest

from coatcheck.domain.errors import Unavailable
from coatcheck.host import Host
from coatcheck.repositories.transactions import Transactions
from coatcheck.services.hosting import LEASE, Hosting
from tests.core import Core
from tests.deeds import bytes_of, deposit, principal

HERE = Host(name="here", boot="b1", machine="m1")
THERE = Host(name="there", boot="b2", machine="m2")


def hosting(place: Core, host: Host, *, alone: bool = True) -> Hosting:
    return Hosting(place.services.transactions, place.clock, host, alone=alone)


async def test_a_second_host_is_refused_and_told_who_serves_and_for_how_long(place: Core):
    async with hosting(place, HERE).held():
        with pytest.raises(Unavailable, match=r"Another host, here, .* its turn ends in 61 s"):
            await hosting(place, THERE).take()


async def test_all_processes_of_one_host_serve_together(place: Core):
    async with hosting(place, HERE).held(), hosting(place, HERE).held():
        pass


async def test_when_the_first_has_stopped_another_may_serve_at_once(place: Core):
    async with hosting(place, HERE).held():
        pass
    async with hosting(place, THERE).held():
        with pytest.raises(Unavailable):
            await hosting(place, HERE).take()


async def test_when_the_first_has_died_its_turn_ends(place: Core):
    await hosting(place, HERE).take()
    place.clock.advance(milliseconds=LEASE)
    await hosting(place, THERE).take()


async def test_a_host_that_was_started_anew_need_not_wait(place: Core):
    await hosting(place, HERE).take()
    await hosting(place, Host(name="here", boot="b9", machine="m1")).take()


async def test_a_lease_that_a_wrong_clock_took_holds_nobody_up(place: Core):
    place.clock.advance(10**6)
    await hosting(place, HERE).take()
    place.clock.advance(-(10**6))
    await hosting(place, THERE).take()


async def test_where_several_may_serve_nobody_asks(place: Core):
    async with hosting(place, HERE).held():
        await hosting(place, THERE, alone=False).take()


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not happened():
            await asyncio.sleep(0.01)


async def test_a_host_that_was_away_while_another_took_over_writes_nothing_until_that_has_stopped(
    place: Core,
):
    ours, look = place.services.transactions, place.services.availability.look
    ann = await principal(place)
    here = Hosting(ours, place.clock, HERE, alone=True, every=0.02)
    there = Hosting(Transactions(place.engine), place.clock, THERE, alone=True)
    await here.take()
    place.clock.advance(milliseconds=LEASE)
    async with AsyncExitStack() as while_there:
        await while_there.enter_async_context(there.held())
        async with here.renewed():
            await until(lambda: ours.halted is not None)
            with pytest.raises(Unavailable, match="Another host, there"):
                await deposit(place, ann, b"late")
            assert "Another host, there" in (await look())["database"]
            await while_there.aclose()
            await until(lambda: ours.halted is None)
            assert (await look())["database"] == "ok"
            kept = await deposit(place, ann, b"in time")
    assert await bytes_of(place, ann, kept) == b"in time"
