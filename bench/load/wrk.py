"""wrk: many connections, as fast as they are answered."""

from __future__ import annotations

import math
import re
import secrets
import signal
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.outcomes import Failed
from bench.peers.peer import Peer, Upload
from bench.processes import program

_SCRIPTS = Path(__file__).parent
#: Seconds that an answer may take: no server is told to be quick, only measured.
_PATIENCE = 60


@dataclass(frozen=True, kw_only=True)
class Load:
    """What came back: `answered` are 2xx, `refused` all the others and broken connections."""

    answered: int
    refused: int
    seconds: float

    @property
    def rate(self) -> float:
        return self.answered / self.seconds

    def sound(self, peer: Peer) -> Load:
        """Itself. Raises Failed where the peer refused anything."""
        if self.refused:
            raise Failed(f"{peer.name} refused {self.refused} of {self.refused + self.answered}")
        return self


class Running:
    """wrk at work, until it is ended or its time is over."""

    def __init__(
        self, url: str, script: str, arguments: list[str], connections: int, seconds: float
    ) -> None:
        command = [program("wrk"), "--threads", "1", "--connections", str(connections)]
        command += ["--duration", f"{math.ceil(seconds)}s", "--timeout", f"{_PATIENCE}s"]
        command += ["--script", str(_SCRIPTS / script), url, "--", *arguments]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def end(self) -> Load:
        self._process.send_signal(signal.SIGINT)
        return self.result()

    def result(self) -> Load:
        try:
            output, _ = self._process.communicate(timeout=600)
        except BaseException:
            self.kill()
            raise
        return _read(output)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


def run(url: str, script: str, arguments: list[str], *, connections: int, seconds: float) -> Load:
    """wrk knows whole seconds only; it is interrupted where they are too many."""
    running = Running(url, script, arguments, connections, seconds)
    if seconds == math.ceil(seconds):
        return running.result()
    timer = threading.Timer(seconds, running._process.send_signal, (signal.SIGINT,))
    timer.start()
    try:
        return running.result()
    finally:
        timer.cancel()


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
    seconds = float(total[2]) * {"us": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}[total[3]]
    return Load(
        answered=int(total[1]) - errors,
        refused=errors + sum(map(int, broken.groups()) if broken else ()),
        seconds=max(seconds, 1e-9),
    )
