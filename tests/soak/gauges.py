"""Resident memory and descriptors of the nodes while they work, and whether they grow."""

from __future__ import annotations

import math
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from statistics import linear_regression, mean
from typing import Self

import psutil

from tests.e2e.server import Server

MIB = 1024 * 1024


@dataclass(frozen=True)
class Sample:
    """`memory` in MiB; `descriptors` without the connections that the worker keeps to others."""

    at: float
    memory: float
    descriptors: int


@dataclass(frozen=True)
class Trend:
    """A straight line through samples of so many seconds: growth a second, and the standard error of that."""

    seconds: float
    first: float
    slope: float
    error: float

    @property
    def growth(self) -> float:
        """By its end."""
        return self.slope * self.seconds


class Gauges:
    """A look at each worker twice a second, within a `with` block; a worker that came after a kill is another one."""

    def __init__(self, servers: Sequence[Server]) -> None:
        self._servers = servers
        self._samples: dict[tuple[int, int], list[Sample]] = defaultdict(list)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def longest(self, warm_up: float) -> list[Sample]:
        """Of the worker that lived longest, without its beginning."""
        samples = max(self._samples.values(), key=lambda each: each[-1].at - each[0].at)
        return [each for each in samples if each.at >= samples[0].at + warm_up]

    def most(self) -> float:
        """MiB that any of them ever had."""
        return max(each.memory for samples in self._samples.values() for each in samples)

    def _watch(self) -> None:
        while not self._over.wait(0.5):
            for number, server in enumerate(self._servers):
                with suppress(psutil.NoSuchProcess, IndexError):
                    worker = psutil.Process(server.process.pid).children(recursive=True)[-1]
                    # Pools of connections to database and store fill for as long as more are needed at once than ever.
                    kept = sum(
                        bool(each.raddr) and each.laddr.port != server.port
                        for each in worker.net_connections("tcp")
                    )
                    seen = Sample(
                        time.monotonic(),
                        worker.memory_info().rss / MIB,
                        worker.num_fds() - kept,
                    )
                    self._samples[number, worker.pid].append(seen)


def trend(samples: Sequence[Sample], what: str) -> Trend:
    """`what` is a field of the samples."""
    times = [each.at - samples[0].at for each in samples]
    values = [float(getattr(each, what)) for each in samples]
    slope, start = linear_regression(times, values)
    middle = mean(times)
    left = sum((y - start - slope * x) ** 2 for x, y in zip(times, values, strict=True))
    spread = sum((x - middle) ** 2 for x in times)
    error = math.sqrt(left / max(1, len(times) - 2) / spread)
    return Trend(times[-1], start, slope, error)
