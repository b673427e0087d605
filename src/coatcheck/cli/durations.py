"""Durations as people write them."""

from __future__ import annotations

import re

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"([1-9][0-9]{0,8})\s*([smhdw]?)")


def seconds(text: str) -> int:
    """`90`, `90s`, `15m`, `12h`, `30d` or `4w` in seconds. Raises ValueError."""
    found = _DURATION.fullmatch(text.strip().lower())
    if found is None:
        raise ValueError(f"{text!r} is no duration: write 90s, 15m, 12h, 30d or 4w")
    return int(found[1]) * _UNITS[found[2]]
