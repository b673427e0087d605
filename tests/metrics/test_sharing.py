"""Workers of one server: whichever is asked tells of all."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from pathlib import Path

from coatcheck.metrics import catalogue as known
from coatcheck.metrics.heartbeat import Heartbeat
from coatcheck.metrics.numbers import Numbers
from coatcheck.metrics.sharing import Sharing


def count(directory: Path, sweeps: int, stall: float) -> None:
    numbers = Numbers()
    numbers.add(known.SWEEPS, sweeps, "done")
    numbers.observe(known.SWEEP_SECONDS, 0.2)
    numbers.put(known.WORKERS, 1)
    numbers.put(known.WORST_STALL, stall)
    Sharing(numbers, directory).write()


def test_what_a_worker_counted_still_counts_when_it_is_gone_but_it_is_not_there_any_more(
    tmp_path: Path,
):
    gone = multiprocessing.get_context("spawn").Process(target=count, args=(tmp_path, 3, 0.7))
    gone.start()
    gone.join()
    assert gone.exitcode == 0
    count(tmp_path, 10, 0.1)  # another of this process, which lives
    numbers = Numbers()
    numbers.add(known.SWEEPS, 100, "done")
    numbers.put(known.WORKERS, 1)
    together = Sharing(numbers, tmp_path).all()
    assert together.values[known.SWEEPS][("done",)] == 113
    assert together.values[known.WORKERS][()] == 2
    assert together.values[known.WORST_STALL][()] == 0.7
    assert together.histograms[known.SWEEP_SECONDS][()][-1] == 0.4
    assert sum(together.histograms[known.SWEEP_SECONDS][()][:-1]) == 2
    assert numbers.values[known.SWEEPS][("done",)] == 100  # its own are its own


def test_a_worker_that_tells_again_is_not_counted_twice(tmp_path: Path):
    numbers = Numbers()
    numbers.add(known.SWEEPS, 1, "done")
    sharing = Sharing(numbers, tmp_path)
    sharing.write()
    sharing.write()
    assert sharing.all().values[known.SWEEPS][("done",)] == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_a_value_falls_into_the_first_bucket_that_it_does_not_exceed():
    numbers = Numbers()
    observe = numbers.observer(known.SWEEP_SECONDS)
    for value in (0.01, 0.011, 10_000):
        observe(value)
    cells = numbers.histograms[known.SWEEP_SECONDS][()]
    assert cells[:2] == [1, 1]
    assert cells[len(known.SWEEP_SECONDS.buckets)] == 1
    assert cells[-1] == 10_000.021


async def test_a_loop_that_stood_still_says_for_how_long():
    numbers = Numbers()
    async with Heartbeat(numbers):
        await asyncio.sleep(0.03)
        time.sleep(0.2)
        await asyncio.sleep(0.03)
    assert numbers.values[known.WORST_STALL][()] >= 0.15
    assert sum(numbers.histograms[known.STALLS][()][:-1]) >= 3
