"""Memory of a server's processes, watched while something is done to it. All figures are in MiB."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass, fields
from typing import Self

import psutil

from bench.scale import MIB

#: Seconds between two looks.
_EVERY = 0.1


@dataclass(frozen=True, kw_only=True)
class Memory:
    """`worker`: resident bytes of the largest process; `pss` and `uss`: of parent and workers together."""

    worker: float
    pss: float
    uss: float


def used_by(pid: int) -> Memory:
    """Now, by that process and its children."""
    parent = psutil.Process(pid)
    seen = []
    for process in (parent, *parent.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            seen.append(process.memory_full_info())
    return Memory(
        worker=max(each.rss for each in seen) / MIB,
        pss=sum(each.pss for each in seen) / MIB,
        uss=sum(each.uss for each in seen) / MIB,
    )


class Watch:
    """The most that was used of each, as far as it was seen, within a `with` block."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.peak = used_by(pid)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(_EVERY):
            now = used_by(self._pid)
            self.peak = Memory(
                **{
                    field.name: max(getattr(self.peak, field.name), getattr(now, field.name))
                    for field in fields(Memory)
                }
            )
