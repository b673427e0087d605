"""The system calls of a running server: in which order it makes them, and what it does when one fails.

with traced(server.pid, tmp_path / "calls", "fsync:error=EIO:when=2") as calls:
    ...
calls.all()
"""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.crash.disks import program

_WATCHED = (
    "fsync,fdatasync,link,linkat,mkdir,mkdirat,unlink,unlinkat,close,write,writev,sendto,sendmsg"
)

_LINE = re.compile(r"(\d+) +(?:<\.\.\. (?P<resumed>\w+) resumed>|(?P<name>\w+)\()(?P<rest>.*)")
_UNFINISHED = "<unfinished ...>"
_DESCRIPTOR = re.compile(r"(\d+)<([^>]*)>")

#: Seconds that it takes to begin on a busy machine.
PATIENCE = 30


@dataclass
class Call:
    """`began` and `ended` count lines of the trace: what ended before another began is over before it."""

    name: str
    says: str
    began: int
    ended: int

    @property
    def failed(self) -> bool:
        return " = -1 " in self.says

    @property
    def injected(self) -> bool:
        return "(INJECTED)" in self.says

    @property
    def descriptor(self) -> int:
        found = _DESCRIPTOR.match(self.says)
        assert found, self
        return int(found[1])

    @property
    def path(self) -> str:
        """Of the first descriptor among the arguments; a socket has none."""
        found = _DESCRIPTOR.match(self.says)
        return found[2] if found else ""


class Calls:
    def __init__(self, path: Path) -> None:
        self._path = path

    def all(self) -> list[Call]:
        """In the order in which they began; one that never ended has not been made."""
        found, open_calls = [], dict[str, Call]()
        for number, line in enumerate(self._path.read_text(errors="replace").splitlines()):
            match = _LINE.match(line)
            if match is None:
                continue
            thread, rest = match[1], match["rest"]
            if match["resumed"]:
                if (call := open_calls.pop(thread, None)) is not None:
                    call.says += rest
                    call.ended = number
                    found.append(call)
                continue
            call = Call(match["name"], rest.removesuffix(_UNFINISHED), number, number)
            if rest.endswith(_UNFINISHED):
                open_calls[thread] = call
            else:
                found.append(call)
        return sorted(found, key=lambda call: call.began)


@contextmanager
def traced(pid: int, into: Path, *injected: str) -> Iterator[Calls]:
    """While the block lasts. `injected`: what strace is to make of some calls, in its own words."""
    command = [program("strace", "strace"), "-f", "-y", "-s", "32", "-o", str(into)]
    command += ["-e", f"trace={_WATCHED}"]
    for each in injected:
        command += ["-e", f"inject={each}"]
    said = into.with_suffix(".said")
    with said.open("wb") as errors:
        strace = subprocess.Popen([*command, "-p", str(pid)], stderr=errors)
    try:
        deadline = time.monotonic() + PATIENCE
        while "attached" not in said.read_text():
            assert strace.poll() is None, said.read_text()
            assert time.monotonic() < deadline, said.read_text()
            time.sleep(0.01)
        yield Calls(into)
    finally:
        strace.send_signal(signal.SIGINT)
        strace.wait(PATIENCE)
