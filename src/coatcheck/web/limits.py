"""Request limits: so many of a kind in a window, counted in this process."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

#: Counters kept; the oldest make way.
_KEPT = 100_000


@dataclass(frozen=True, slots=True)
class Standing:
    """What is left of a limit; `reset` is in seconds."""

    limit: int
    remaining: int
    reset: int
    exceeded: bool = False


class RateLimiter:
    """Fixed windows of `window` seconds. Times are ms since 1970."""

    def __init__(self, window: int) -> None:
        self._window = window * 1000
        self._counts: OrderedDict[tuple[object, ...], tuple[int, int]] = OrderedDict()

    def look(self, who: tuple[object, ...], limit: int, now: int) -> Standing:
        """The standing, without counting a request."""
        began, count = self._current(who, now)
        return self._standing(limit, count, began, now)

    def take(self, who: tuple[object, ...], limit: int, now: int) -> Standing:
        """Count one request; `exceeded` says that it was one too many, and then it was not counted."""
        began, count = self._current(who, now)
        if count >= limit:
            return self._standing(limit, count, began, now, exceeded=True)
        self._counts[who] = began, count + 1
        self._counts.move_to_end(who)
        while len(self._counts) > _KEPT:
            self._counts.popitem(last=False)
        return self._standing(limit, count + 1, began, now)

    def _current(self, who: tuple[object, ...], now: int) -> tuple[int, int]:
        began, count = self._counts.get(who, (now, 0))
        return (now, 0) if now - began >= self._window or now < began else (began, count)

    def _standing(
        self, limit: int, count: int, began: int, now: int, *, exceeded: bool = False
    ) -> Standing:
        reset = -(-(began + self._window - now) // 1000)
        return Standing(limit, max(0, limit - count), reset, exceeded)
