"""When to sweep: again and again, whatever happens."""

from __future__ import annotations

import asyncio
import logging

import pytest

from coatcheck.reaper import ClockWatch, Reaper
from coatcheck.services.events import ClockJumped, Event
from coatcheck.testing.clock import ManualClock


class Sweeping:
    """Fails at first; says when it has been called often enough."""

    def __init__(self, *, failures: int = 0, enough: int = 3) -> None:
        self.calls = 0
        self.enough = asyncio.Event()
        self._failures = failures
        self._enough = enough

    async def sweep(self) -> object:
        self.calls += 1
        if self.calls >= self._enough:
            self.enough.set()
        if self.calls <= self._failures:
            raise OSError("the disk is away")
        return "swept"


async def test_it_sweeps_again_and_again() -> None:
    sweeping = Sweeping()
    async with Reaper(sweeping, every=0.001):
        await sweeping.enough.wait()
    assert sweeping.calls >= 3


async def test_a_sweep_that_fails_is_logged_and_the_next_one_follows(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sweeping = Sweeping(failures=2)
    with caplog.at_level(logging.ERROR, "coatcheck.reaper"):
        async with Reaper(sweeping, every=0.001):
            await sweeping.enough.wait()
    assert len(caplog.records) == 2
    assert "a sweep failed" in caplog.text
    assert "the disk is away" in caplog.text


class Away:
    """What the clock's jumps are noted in, and cannot be reached at first."""

    def __init__(self, *, failures: int) -> None:
        self._failures = failures

    async def so_far(self) -> int:
        self._failures -= 1
        if self._failures >= 0:
            raise OSError("the database is away")
        return 0

    async def postpone(self, jump: int, known: int) -> int:
        raise AssertionError("this clock does not jump")


class Told:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def tell(self, event: Event) -> None:
        self.events.append(event)


@pytest.mark.parametrize("failures", [0, 1, 3])
async def test_it_sweeps_once_it_could_look_at_the_clock_before(
    failures: int, caplog: pytest.LogCaptureFixture
) -> None:
    sweeping = Sweeping()
    watch = ClockWatch(Away(failures=failures), ManualClock(), Told(), lambda: 1.0)
    with caplog.at_level(logging.ERROR, "coatcheck.reaper"):
        async with Reaper(sweeping, every=0.001, watch=watch):
            await sweeping.enough.wait()
    assert len(caplog.records) == max(0, failures - 1)


async def test_the_sweep_after_a_jump_is_left_out() -> None:
    class Jumping(Away):
        async def so_far(self) -> int:
            looks.append(sweeping.calls)
            if len(looks) == 4:
                clock.advance(-3600)
            return 0

    clock, sweeping, looks = ManualClock(), Sweeping(), list[int]()
    told = Told()
    async with Reaper(
        sweeping, every=0.001, watch=ClockWatch(Jumping(failures=0), clock, told, lambda: 1.0)
    ):
        await sweeping.enough.wait()
    assert looks == [0, 0, 1, 2, 2]
    assert told.events == [ClockJumped(seconds=-3600)]


async def test_after_the_end_nothing_sweeps() -> None:
    sweeping = Sweeping()
    async with Reaper(sweeping, every=0.001):
        await sweeping.enough.wait()
    calls = sweeping.calls
    for _ in range(10):
        await asyncio.sleep(0.001)
    assert sweeping.calls == calls
    assert [task for task in asyncio.all_tasks() if task.get_name() == "reaper"] == []


async def test_a_sweep_under_way_is_given_up_at_the_end() -> None:
    class Endless:
        def __init__(self) -> None:
            self.begun = asyncio.Event()
            self.ended = False

        async def sweep(self) -> object:
            self.begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                self.ended = True
            return None

    endless = Endless()
    async with Reaper(endless, every=0.001):
        await endless.begun.wait()
    assert endless.ended


async def test_workers_that_start_together_do_not_sweep_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    monkeypatch.setattr("coatcheck.reaper.asyncio.sleep", noted)
    sweeping = Sweeping(enough=50)
    async with Reaper(sweeping, every=60):
        await sweeping.enough.wait()
    assert all(30 <= pause <= 90 for pause in pauses)
    assert max(pauses) - min(pauses) > 10
