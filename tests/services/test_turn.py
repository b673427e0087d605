"""A turn: one at a time, and whoever died is waited for, not for ever."""

from __future__ import annotations

import asyncio
import json

import pytest

from coatcheck.clock import SystemClock
from coatcheck.domain.errors import Unavailable
from coatcheck.services.turn import Turn
from tests.core import Core

LEASE = 150


def turn(place: Core) -> Turn:
    return Turn(place.services.transactions, SystemClock(), "work", lease=LEASE)


def never() -> None:
    raise AssertionError("it was not lost")


async def test_a_second_one_is_refused_as_long_as_the_first_is_at_it(place: Core):
    async with turn(place).held(never):
        for _ in range(2):
            with pytest.raises(Unavailable, match="at it"):
                async with turn(place).held(never):
                    raise AssertionError("two at once")
    async with turn(place).held(never):
        pass


async def test_one_that_has_died_is_waited_for(place: Core):
    dead = turn(place)
    await dead._take()
    began = asyncio.get_running_loop().time()
    async with turn(place).held(never):
        assert asyncio.get_running_loop().time() - began > LEASE / 1000 / 2


async def test_whoever_finds_it_in_other_hands_is_told(place: Core):
    over = asyncio.Event()
    async with turn(place).held(over.set):
        theirs = json.dumps({"holder": "another", "until": SystemClock().now() + LEASE})
        async with place.services.transactions.write() as facts:
            await facts.installed.put("work", theirs)
        async with asyncio.timeout(10):
            await over.wait()
    async with place.services.transactions.read() as facts:
        assert await facts.installed.get("work") == theirs


async def test_whoever_cannot_renew_it_is_told_when_it_is_over(place: Core):
    over = asyncio.Event()
    async with turn(place).held(over.set):
        place.services.transactions.halted = "away"
        async with asyncio.timeout(10):
            await over.wait()
    place.services.transactions.halted = None
