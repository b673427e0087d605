"""Events as numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from coatcheck.metrics import catalogue as known
from coatcheck.metrics.numbers import Numbers
from coatcheck.services import events
from coatcheck.services.ports import Clock


class Counting:
    """A Witness. What metrics leave out is not in its table."""

    def __init__(self, numbers: Numbers, clock: Clock) -> None:
        self._numbers = numbers
        self._clock = clock
        self._at_work = numbers.values[known.UPLOADS_IN_PROGRESS]
        self._at_work[()] = 0
        self._deeds: dict[type[Any], Callable[[Any], None]] = {
            events.AttemptBegun: self._begun,
            events.AttemptEnded: self._ended,
            events.Claimed: lambda told: self._add(known.CLAIMED, len(told.attachment_ids)),
            events.ClaimRefused: self._claim_refused,
            events.Released: lambda _told: self._add(known.RELEASES, 1),
            events.Deleted: lambda _told: self._add(known.DELETED, 1),
            events.Purged: lambda told: self._add(known.PURGED, len(told.attachment_ids)),
            events.Swept: self._swept,
            events.SweepFailed: self._sweep_failed,
            events.ClockJumped: self._clock_jumped,
        }

    def tell(self, event: events.Event) -> None:
        if deed := self._deeds.get(type(event)):
            deed(event)

    def _add(self, metric: known.Metric, amount: float) -> None:
        self._numbers.add(metric, amount)

    def _begun(self, told: events.AttemptBegun) -> None:
        self._at_work[()] += 1
        self._numbers.add(known.UPLOADS_BEGUN, 1, told.dialect, told.kind)

    def _ended(self, told: events.AttemptEnded) -> None:
        self._at_work[()] -= 1
        self._numbers.add(known.UPLOADS_ENDED, 1, told.dialect, told.kind, told.outcome)
        if told.outcome == "completed":
            self._numbers.add(known.UPLOADED, told.size or 0, told.dialect)
        if told.lease_lost:
            self._numbers.add(known.LEASES_LOST, 1, told.dialect)

    def _claim_refused(self, told: events.ClaimRefused) -> None:
        for reason in told.reasons:
            self._numbers.add(known.CLAIMS_REFUSED, 1, reason)

    def _swept(self, told: events.Swept) -> None:
        self._numbers.add(known.SWEEPS, 1, "done")
        self._numbers.observe(known.SWEEP_SECONDS, told.seconds)
        self._numbers.put(known.LAST_SWEEP, self._clock.now() / 1000)
        counts = told.counts | {"expired": len(told.expired), "lapsed": len(told.lapsed)}
        for what, number in counts.items():
            self._numbers.add(known.SWEPT, number, what)

    def _sweep_failed(self, told: events.SweepFailed) -> None:
        self._numbers.add(known.SWEEPS, 1, "failed")
        self._numbers.observe(known.SWEEP_SECONDS, told.seconds)

    def _clock_jumped(self, told: events.ClockJumped) -> None:
        self._numbers.add(known.CLOCK_JUMPS, 1, "forward" if told.seconds > 0 else "back")
