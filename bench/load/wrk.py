"""wrk: many connections, as fast as they are answered."""

from __future__ import annotations

import math
import re
import secrets
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bench.outcomes import Failed
from bench.peers.peer import Peer, Upload
from bench.processes import program

_SCRIPTS = Path(__file__).parent
#: Seconds that an answer may take: no server is told to be quick, only measured.
_PATIENCE = 60
#: Seconds that wrk takes to be ready for a signal.
_BEGINNING = 0.5


@dataclass(frozen=True, kw_only=True)
class Load:
    """What came back: `answered` are 2xx, `refused` all the others and broken connections.

    `p99` are the seconds within which 99 of 100 were answered.
    """

    answered: int
    refused: int
    seconds: float
    p99: float

    @property
    def rate(self) -> float:
        return self.answered / self.seconds

    def sound(self, peer: Peer) -> Load:
        """Itself. Raises Failed where the peer refused anything."""
        if self.refused:
            raise Failed(f"{peer.name} refused {self.refused} of {self.refused + self.answered}")
        return self


class Running:
    """wrk at work, until its time is over or it is ended; gone at the end of a `with` block."""

    def __init__(
        self, url: str, script: str, arguments: list[str], connections: int, seconds: float
    ) -> None:
        command = [program("wrk"), "--threads", "1", "--connections", str(connections)]
        command += ["--duration", f"{math.ceil(seconds)}s", "--timeout", f"{_PATIENCE}s"]
        command += ["--latency", "--script", str(_SCRIPTS / script), url, "--", *arguments]
        self._begun = time.monotonic()
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def result(self) -> Load:
        output, _ = self._process.communicate(timeout=600)
        return _read(output)

    def end(self) -> Load:
        """What was done up to now."""
        # Before it has begun, wrk dies of the signal and tells nothing.
        time.sleep(max(0.0, self._begun + _BEGINNING - time.monotonic()))
        self._process.send_signal(signal.SIGINT)
        return self.result()

    def end_after(self, seconds: float) -> Load:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self.end()


def run(url: str, script: str, arguments: list[str], *, connections: int, seconds: float) -> Load:
    with Running(url, script, arguments, connections, seconds) as running:
        # wrk itself knows whole seconds only.
        whole = seconds == math.ceil(seconds)
        return running.result() if whole else running.end_after(seconds)


def depositing(how: Upload, size: int) -> list[str]:
    """The arguments of deposits.lua."""
    head = [new_run(), how.method, how.path, str(size), how.field or "-"]
    return head + flat(how.headers)


def new_run() -> str:
    """What makes the bodies of one run of wrk differ from those of all others."""
    return secrets.token_hex(8)


def flat(headers: Mapping[str, str]) -> list[str]:
    return [part for field in headers.items() for part in field]


def _read(output: str) -> Load:
    total = re.search(r"(\d+) requests in ([\d.]+)(us|ms|s|m|h)", output)
    if not total:
        raise Failed(f"wrk said:\n{output[-2000:]}")
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    broken = re.search(
        r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", output
    )
    errors = int(bad[1]) if bad else 0
    late = re.search(r"99%\s+([\d.]+)(us|ms|s|m|h)", output)
    return Load(
        answered=int(total[1]) - errors,
        refused=errors + sum(map(int, broken.groups()) if broken else ()),
        seconds=max(_seconds(total[2], total[3]), 1e-9),
        p99=_seconds(late[1], late[2]) if late else math.nan,
    )


def _seconds(number: str, unit: str) -> float:
    return float(number) * {"us": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}[unit]
