"""How much of everything a run takes."""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Sizes in bytes, durations in seconds."""

    big: int = GIB
    medium: int = 96 * MIB
    chunk: int = 5 * MIB
    small: int = 10 * KIB
    inlined: int = 64 * KIB

    #: Of one sample under load, and of what comes before the first.
    seconds: float = 5
    warm_up: float = 2
    sustained: float = 30

    #: Attachments in a database, and requests timed in it.
    few: int = 1_000
    many: int = 1_000_000
    calls: int = 50

    expired: int = 100_000
    uploads: int = 16
    slow_clients: int = 500
    slow_seconds: float = 15

    #: Of scripts/targets.
    idle_connections: int = 2_000
    aborted: int = 5_000
    due: int = 10_000
    leftovers: int = 10_000
    first_byte: float = 30
    graceful: int = 30
    away: float = 8
    soak: float = 1_800

    #: Whether servers outlive their row. Quicker; but a row then finds what others left.
    shared_peers: bool = False
    #: Whether what is missing may be fetched from a package registry.
    install: bool = True


FULL = Scale()

#: Seconds in all: it proves that every row works, and measures nothing.
SMOKE = Scale(
    big=4 * MIB,
    medium=MIB,
    chunk=MIB,
    seconds=0.2,
    warm_up=0,
    sustained=0.2,
    few=200,
    many=600,
    calls=3,
    expired=40,
    uploads=3,
    slow_clients=5,
    slow_seconds=1,
    idle_connections=20,
    aborted=40,
    due=40,
    leftovers=20,
    first_byte=1,
    graceful=1,
    away=1,
    soak=0,
    shared_peers=True,
    install=False,
)
