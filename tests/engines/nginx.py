"""nginx as `deploy/nginx.conf` has it, in front of other addresses, with its files in a directory of the test's."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

CONFIG = Path(__file__).parents[2] / "deploy" / "nginx.conf"

#: Seconds that a start may take on a busy machine.
PATIENCE = 30

_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def program() -> str:
    """Its path; skips the test, loudly, where it is not installed."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    if not found:
        pytest.skip("NO NGINX: install nginx-light to run what needs it")
    return found


def configured(home: Path, port: int, nodes: Sequence[str]) -> Path:
    """The file in deploy/, changed in nothing but addresses and places. `nodes` are host:port."""
    text = CONFIG.read_text(encoding="utf-8")
    for number, node in enumerate(nodes, 1):
        text = text.replace(f"server node{number}:8080", f"server {node}")
    text = text.replace("listen 8080;", f"listen 127.0.0.1:{port};")
    text = re.sub(r"^pid .*$", f"pid {home}/nginx.pid;", text, flags=re.MULTILINE)
    places = "".join(f"    {name}_temp_path {home}/{name};\n" for name in _TEMPORARY)
    path = home / "nginx.conf"
    path.write_text(text.replace("http {\n", f"http {{\n{places}", 1), encoding="utf-8")
    return path


class Nginx:
    def __init__(self, home: Path, port: int, process: subprocess.Popen[bytes]) -> None:
        self.home = home
        self.url = f"http://127.0.0.1:{port}"
        self._process = process

    def files(self) -> set[str]:
        """What its processes have open below its directory; files that have no name any more are there, too."""
        family = [self._process.pid]
        family += [each.pid for each in psutil.Process(self._process.pid).children(recursive=True)]
        found = set()
        for pid in family:
            for descriptor in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):
                    found.add(str(descriptor.readlink()))
        return {each for each in found if each.startswith(str(self.home))}


@contextmanager
def running_nginx(home: Path, nodes: Sequence[str]) -> Iterator[Nginx]:
    home.mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [program(), "-p", str(home), "-c", str(configured(home, port, nodes))]
    process = subprocess.Popen([*command, "-g", "daemon off;"], stdin=subprocess.DEVNULL)
    try:
        _wait_for(port, process)
        yield Nginx(home, port, process)
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert process.poll() is None, "nginx does not start"
            assert time.monotonic() < deadline, "nginx does not listen"
            time.sleep(0.02)
