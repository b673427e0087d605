"""The one place that reads the time."""

from __future__ import annotations

import time


class SystemClock:
    """Wall time in whole milliseconds since 1970 (UTC)."""

    def now(self) -> int:
        return time.time_ns() // 1_000_000
