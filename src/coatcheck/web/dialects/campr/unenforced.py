"""Figures where no limit is enforced: counted in this process, and told."""

from __future__ import annotations

from collections import OrderedDict

from coatcheck.domain.rate import Rate, Standing, seconds

#: Counters kept; the oldest make way.
_KEPT = 20_000


class Unenforced:
    """Windows begin with their first request. Times are ms since 1970."""

    def __init__(self) -> None:
        self._counts: OrderedDict[tuple[str, str], tuple[int, int]] = OrderedDict()

    def look(self, who: str, kind: str, rate: Rate, now: int) -> Standing:
        """The standing, without counting a request."""
        began, count = self._current(who, kind, rate, now)
        return Standing(rate.limit, max(0, rate.limit - count), seconds(began + rate.window - now))

    def take(self, who: str, kind: str, rate: Rate, now: int) -> Standing:
        """Count one request, however many there were."""
        began, count = self._current(who, kind, rate, now)
        self._counts[who, kind] = began, count + 1
        self._counts.move_to_end((who, kind))
        while len(self._counts) > _KEPT:
            self._counts.popitem(last=False)
        return self.look(who, kind, rate, now)

    def _current(self, who: str, kind: str, rate: Rate, now: int) -> tuple[int, int]:
        began, count = self._counts.get((who, kind), (now, 0))
        return (began, count) if 0 <= now - began < rate.window else (now, 0)
