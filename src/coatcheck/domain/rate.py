"""Rates: so many of a kind in a window, and where somebody stands within one."""

from __future__ import annotations

from dataclasses import dataclass

MINUTE = 60_000

#: Most that one process takes at once: what it is killed with is lost until the window ends.
_MOST = 32


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `limit` in a window of `window` ms, which begins with the first."""

    limit: int
    window: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What is left of a limit; `reset` is in seconds. `exceeded` says that one was too many, and was not counted."""

    limit: int
    remaining: int
    reset: int
    exceeded: bool = False


@dataclass(frozen=True, slots=True)
class Grant:
    """A share of a rate: `size` may be spent until `ends_at`; of the whole rate, `taken` are spent or shared out."""

    size: int
    taken: int
    ends_at: int


def granted(limit: int, taken: int, wanted: int) -> int:
    """How many of the `wanted` a process gets: the nearer the limit, the fewer, so that little lies idle."""
    left = limit - taken
    return max(0, min(wanted, _MOST, max(1, left // 4), left))


def seconds(ms: int) -> int:
    """Rounded up: who comes back after these is not too early."""
    return -(-ms // 1000)
