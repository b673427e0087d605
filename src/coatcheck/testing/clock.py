"""Time that moves when a test says so."""

from __future__ import annotations


class ManualClock:
    """A clock in whole milliseconds since 1970 (UTC) that stands still until it is moved."""

    def __init__(self, now: int = 1_750_000_000_000) -> None:
        self._now = now

    def now(self) -> int:
        return self._now

    def advance(self, seconds: float = 0, *, milliseconds: int = 0) -> None:
        """Move on; with a negative amount, as when the system's clock is set, back."""
        self._now += round(seconds * 1000) + milliseconds
