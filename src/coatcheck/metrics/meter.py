"""The meter of one process: it is told of events and of answers, and tells Prometheus."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import coatcheck
from coatcheck.descriptors import count_open
from coatcheck.metrics import catalogue as known
from coatcheck.metrics.exposition import exposed
from coatcheck.metrics.heartbeat import Heartbeat
from coatcheck.metrics.numbers import Numbers
from coatcheck.metrics.sharing import Sharing

log = logging.getLogger(__name__)

#: Seconds between two times that a worker tells the others.
_TELLS_EVERY = 1

#: What is not known to be one of ours.
_NONE = "-"

#: Asked when Prometheus asks: values of gauges by their metric and labels.
Gauges = Callable[[], Awaitable[Mapping[tuple[known.Metric, str], float]]]


class Meter:
    def __init__(self, numbers: Numbers, directory: Path | None, gauges: Gauges) -> None:
        self._numbers = numbers
        self._sharing = Sharing(numbers, directory)
        self._gauges = gauges
        self._latencies: dict[tuple[str | None, str | None], Callable[[float], None]] = {}
        self._in_progress = numbers.values[known.REQUESTS_IN_PROGRESS]
        self._in_progress[()] = 0
        numbers.put(known.WORKERS, 1)
        numbers.put(known.INFO, 1, coatcheck.__version__)

    def began(self) -> None:
        self._in_progress[()] += 1

    def answered(
        self,
        dialect: str | None,
        route: str | None,
        status: int,
        seconds: float,
        received: int,
        sent: int,
    ) -> None:
        self._in_progress[()] -= 1
        observe = self._latencies.get((dialect, route))
        if observe is None:
            observe = self._latencies[dialect, route] = self._numbers.observer(
                known.REQUEST_SECONDS, dialect or _NONE, route or _NONE
            )
        observe(seconds)
        name = dialect or _NONE
        add = self._numbers.add
        add(known.REQUESTS, 1, name, str(status))
        add(known.RECEIVED, received, name)
        add(known.SENT, sent, name)

    def failed(self, dialect: str | None, code: str) -> None:
        self._numbers.add(known.ERRORS, 1, dialect or _NONE, code)

    async def exposed(self, accept: str) -> tuple[bytes, str]:
        together = self._together(await self._gauges())
        return exposed(together, accept)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The heart beats, and other workers are told."""
        telling = asyncio.create_task(self._tell_the_others(), name="metrics")
        try:
            async with Heartbeat(self._numbers):
                yield
        finally:
            telling.cancel()
            with suppress(asyncio.CancelledError):
                await telling
            self._write()

    def _together(self, gauges: Mapping[tuple[known.Metric, str], float]) -> Numbers:
        self._count_files()
        together = self._sharing.all()
        for (metric, label), value in gauges.items():
            together.put(metric, value, *([label] if metric.labels else []))
        return together

    async def _tell_the_others(self) -> None:
        while True:
            self._count_files()
            self._write()
            await asyncio.sleep(_TELLS_EVERY)

    def _write(self) -> None:
        try:
            self._sharing.write()
        except OSError as error:
            log.warning("other workers cannot be told of metrics: %s", error)

    def _count_files(self) -> None:
        with suppress(OSError):  # not every system has that directory
            self._numbers.put(known.OPEN_FILES, count_open())
