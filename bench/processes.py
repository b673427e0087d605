"""Processes that a run starts: each in a session of its own, so that it goes with all its children."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from bench.outcomes import Failed, Skipped

#: Seconds that a start may take on a machine that is busy with other things.
PATIENCE = 60


#: Where a child can ask to be told of its parent's end.
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1


def _end_with_us() -> None:
    """Even a run that was killed itself leaves no servers behind."""
    if _LIBC:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def program(name: str, *elsewhere: str) -> str:
    """Its path. Raises Skipped where it is not installed."""
    for candidate in (name, *elsewhere):
        if found := shutil.which(candidate):
            return found
    raise Skipped(f"{name} is not installed")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Child:
    """A server in the foreground; what it says goes to `log`."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.log = log
        self._name = " ".join(command[1:4])
        self._killed = False
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=env,
                cwd=cwd,
                start_new_session=True,
                preexec_fn=_end_with_us if _LIBC else None,  # noqa: PLW1509 - it is one system call
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_until_it_answers(self, url: str) -> None:
        """Any HTTP answer will do, but one of 5xx. Raises Failed."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                with urllib.request.urlopen(url, timeout=PATIENCE):
                    return
            except urllib.error.HTTPError as answer:
                if answer.code < 500:
                    return
            except OSError:
                pass
            time.sleep(0.03)
        raise Failed(self.obituary() or f"{self._name} gave no answer in {PATIENCE} s")

    def obituary(self) -> str:
        """How it ended, and its last words; empty while it runs."""
        ended = self._process.poll()
        return "" if ended is None else f"{self._name} ended with {ended}:\n{self.said()[-2000:]}"

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def kill(self) -> None:
        """It and all its children, at once: nothing here is worth tidying up."""
        if self._killed:  # its id may be another's by now
            return
        self._killed = True
        with suppress(psutil.NoSuchProcess):
            family = psutil.Process(self.pid).children(recursive=True)
            for child in family:
                with suppress(psutil.NoSuchProcess):
                    child.kill()
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait(PATIENCE)
