"""Patience is used up by waiting, and by nothing else."""

from __future__ import annotations

import asyncio

import pytest

from coatcheck.web.patience import Patience
from tests.sim import simulate


def test_only_waiting_uses_it_up():
    async def run() -> float:
        patience = Patience(10)
        for _ in range(3):
            with patience.waiting():
                await asyncio.sleep(2)
            await asyncio.sleep(100)
        patience.end()
        return patience.left

    assert simulate(1, run()) == pytest.approx(4)


def test_it_ends_in_the_middle_of_a_wait_when_all_of_them_took_too_long():
    async def run() -> float:
        loop = asyncio.get_running_loop()
        patience = Patience(10)
        with patience.waiting():
            await asyncio.sleep(7)
        began = loop.time()
        with pytest.raises(TimeoutError), patience.waiting():
            await asyncio.sleep(100)
        patience.end()
        return loop.time() - began

    assert simulate(1, run()) == pytest.approx(3)


def test_more_of_it_can_be_given():
    async def run() -> None:
        patience = Patience(10)
        for _ in range(5):
            with patience.waiting():
                await asyncio.sleep(9)
            patience.left = 10
        patience.end()

    simulate(1, run())


def test_a_cancellation_by_somebody_else_stays_one():
    async def run() -> None:
        patience = Patience(10)

        async def wait() -> None:
            with patience.waiting():
                await asyncio.sleep(100)

        task = asyncio.create_task(wait())
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        patience.end()

    simulate(1, run())
