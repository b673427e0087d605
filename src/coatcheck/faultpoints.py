"""Fault points: named places on the ways of writing, where a test makes a process die, stop, fail, wait or give up.

    COATCHECK_ENV=test COATCHECK_FAULTS="U5:kill@2; R2:stop; U3:raise=ENOSPC; C1:cancel; K3:delay=0.5" coatcheck serve

A fault strikes when its point is reached for the n-th time (`@n`, else the first) and never again. It is told on
standard error before it strikes. Without a plan, and production refuses any, a point is a comparison with None.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

#: Every point there is. A test of each waits for it to be reached.
POINTS: Final = {
    "U0": "an upload has begun, nothing is recorded",
    "U1": "its intent is committed",
    "U2": "its temporary file is made",
    "U3": "its first bytes are written",
    "U4": "its last bytes are written, and not synced",
    "U5": "its file is synced, without a name",
    "U6": "the file has its name",
    "U7": "the directory is synced",
    "U8": "its row is written, and not committed",
    "U9": "its row is committed, and nobody told",
    "U10": "the head of the answer is sent",
    "C0": "a claim has begun its transaction",
    "C1": "the claimed rows are locked",
    "C2": "they are changed, and not committed",
    "C3": "the claim is committed, and nobody told",
    "R0": "a sweep has chosen what it purges, and not committed",
    "R1": "the choice is committed",
    "R2": "its blobs are about to be deleted",
    "R3": "the file of a blob is unlinked",
    "R4": "the directory is synced after it",
    "R5": "the rows are about to be buried",
    "R6": "they are buried",
    "D0": "a delete is about to decide",
    "D1": "it is decided, and not committed",
    "D2": "it is committed, and nobody told",
    "K0": "a chunked upload is opened, and not committed",
    "K1": "the bytes of a part are stored",
    "K2": "the part is recorded, and not committed",
    "K3": "it is committed",
    "K4": "all parts are there, and the upload is about to be completed",
    "K5": "it is sealed, and not committed",
    "K6": "it is committed, and nobody told",
    "M0": "a large object is about to be begun in the store",
    "M1": "it is begun",
    "M2": "one part of it is sent",
    "M3": "all parts are sent",
    "M4": "it is completed, and not looked at",
    "M5": "the store has confirmed it",
    "M6": "one that failed is aborted",
    "Q0": "quota is set aside, and not committed",
    "Q1": "quota is charged, and not committed",
    "B0": "a sweep has begun",
    "B1": "the intents that nobody holds are dropped",
    "B2": "the half-written files are removed",
}

_FAULT = re.compile(
    r"(?P<point>\w+):(?P<action>kill|stop|raise|cancel|delay)(=(?P<argument>[\w.]+))?(@(?P<nth>\d+))?"
)

Action = Literal["kill", "stop", "raise", "cancel", "delay"]


@dataclass(frozen=True)
class Fault:
    """`argument`: the name of an errno for raise (EIO), seconds for delay (1)."""

    point: str
    action: Action
    argument: str
    nth: int


class Plan:
    """Which fault strikes where, and how often each point was reached."""

    def __init__(self, text: str) -> None:
        """Raises ValueError, which says what cannot be."""
        self._faults = {fault.point: fault for fault in _parsed(text)}
        self._lock = threading.Lock()
        self.reached: Counter[str] = Counter()

    def due(self, point: str) -> Fault | None:
        if point not in POINTS:
            raise LookupError(f"no such fault point: {point}")
        with self._lock:
            self.reached[point] += 1
            fault = self._faults.get(point)
            return fault if fault and fault.nth == self.reached[point] else None


def _parsed(text: str) -> Iterator[Fault]:
    for each in filter(None, (part.strip() for part in text.split(";"))):
        found = _FAULT.fullmatch(each)
        if found is None or found["point"] not in POINTS:
            raise ValueError(f"not a fault: {each!r}")
        action, argument = found["action"], found["argument"] or ""
        if action == "raise":
            argument = argument or "EIO"
            if not hasattr(errno, argument):
                raise ValueError(f"not the name of an error: {argument!r}")
        elif action == "delay":
            argument = str(float(argument or 1))
        yield Fault(found["point"], action, argument, int(found["nth"] or 1))  # type: ignore[arg-type]


class _Process:
    plan: Plan | None = None


_process = _Process()
_of_thread = threading.local()


def arm(text: str) -> Plan:
    """Until the process ends, or `disarm`. Raises ValueError."""
    _process.plan = Plan(text)
    return _process.plan


def disarm() -> None:
    _process.plan = None


@contextmanager
def armed(text: str = "") -> Iterator[Plan]:
    """For this block. Without a fault it only counts."""
    plan = arm(text)
    try:
        yield plan
    finally:
        disarm()


async def reach(point: str) -> None:
    """On the event loop."""
    if _process.plan is None or (fault := _process.plan.due(point)) is None:
        return
    _tell(fault)
    if fault.action == "delay":
        await asyncio.sleep(float(fault.argument))
    elif fault.action == "cancel":
        if task := asyncio.current_task():
            task.cancel()
        await asyncio.sleep(0)
    else:
        _strike(fault)


def reach_in_thread(point: str) -> None:
    """In a thread that works for a task: see `carried`."""
    if _process.plan is None or (fault := _process.plan.due(point)) is None:
        return
    _tell(fault)
    if fault.action == "delay":
        time.sleep(float(fault.argument))
    elif fault.action == "cancel":
        loop, task = _of_thread.employer
        loop.call_soon_threadsafe(task.cancel)
    else:
        _strike(fault)


def carried(operation: Callable[P, T]) -> Callable[P, T]:
    """The operation, for a thread to carry out: with a plan it takes along which task would be cancelled."""
    if _process.plan is None:
        return operation
    employer = asyncio.get_running_loop(), asyncio.current_task()

    def employed(*args: P.args, **kwargs: P.kwargs) -> T:
        _of_thread.employer = employer
        return operation(*args, **kwargs)

    return employed


def _strike(fault: Fault) -> None:
    if fault.action == "raise":
        number: int = getattr(errno, fault.argument)
        raise OSError(number, f"{os.strerror(number)} (fault point {fault.point})")
    os.kill(os.getpid(), signal.SIGKILL if fault.action == "kill" else signal.SIGSTOP)


def _tell(fault: Fault) -> None:
    os.write(2, f"fault point {fault.point}: {fault.action} {fault.argument}\n".encode())
