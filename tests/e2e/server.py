"""A real server: its own process on a free port, its data where the test wants it.

with running_server(tmp_path) as server:
    httpx.get(f"{server.url}/-/health")
    httpx.get(f"{server.url}/…", headers={"Authorization": f"Bearer {server.key()}"})
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

import psutil

from coatcheck.bootstrap import open_services
from coatcheck.settings import Settings

#: Seconds that something may take on a machine that is busy with other things.
PATIENCE = 30
#: A start is seconds of work, which such a machine makes ten times as many of.
STARTING = 170


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """`coatcheck serve` over `data_dir`. Everything it writes goes to `log`."""

    def __init__(
        self,
        data_dir: Path,
        *,
        server: Literal["granian", "uvicorn"] = "granian",
        workers: int = 1,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = data_dir.parent / f"{data_dir.name}.log"
        self._command = [
            *self._coatcheck("serve", "--host", "127.0.0.1", "--port", str(self.port)),
            *("--server", server, "--workers", str(workers)),
        ]
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("COATCHECK_")}
        self.env = {**inherited, "COATCHECK_DATA_DIR": str(data_dir), **(env or {})}
        self._keys: dict[tuple[str, str], str] = {}
        self._known: list[int] = []
        self.process = self._started()

    def key(self, tenant: str = "acme", user: str = "ann") -> str:
        """A key of that principal, the same each time; made beside the server, as `coatcheck keys create` does."""
        if (tenant, user) not in self._keys:
            # In a thread, since the test may be in a loop of its own.
            with ThreadPoolExecutor(1) as thread:
                made = thread.submit(lambda: asyncio.run(self._new_key(tenant, user)))
                self._keys[tenant, user] = made.result(PATIENCE)
        return self._keys[tenant, user]

    async def _new_key(self, tenant: str, user: str) -> str:
        settings = Settings(
            data_dir=self.data_dir,
            database_url=self.env.get("COATCHECK_DATABASE_URL", ""),
            blobs_url="memory:",
        )
        async with open_services(settings) as services:
            return await services.keys.create(tenant=tenant, login=user)

    def headers(self, tenant: str = "acme", user: str = "ann") -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key(tenant, user)}"}

    def run(self, *arguments: str) -> str:
        """What another command says on standard output, beside the running server."""
        ran = subprocess.run(
            self._coatcheck(*arguments), env=self.env, capture_output=True, text=True, timeout=50
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout.strip()

    def pids(self) -> list[int]:
        """The parent and its workers, as far as they live."""
        with_children = [self.process.pid]
        try:
            parent = psutil.Process(self.process.pid)
            with_children += [child.pid for child in parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []
        self._known = sorted({*self._known, *with_children})
        return with_children

    def rss(self) -> int:
        """Resident bytes of all its processes."""
        return sum(psutil.Process(pid).memory_info().rss for pid in self.pids())

    def peak_rss(self) -> int:
        """The most resident bytes that its processes ever had, each at its own worst moment (Linux)."""
        peaks = [
            re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
            for pid in self.pids()
        ]
        return sum(int(peak[1]) * 1024 for peak in peaks if peak)

    def stop(self, patience: float = PATIENCE) -> int:
        """Ask it to end, as a service manager would; its exit status."""
        if self.process.poll() is None:
            self.pids()
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(patience)

    def kill(self) -> None:
        """Every process of it at once, without a chance to tidy up."""
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(PATIENCE)
        self._wait_until_gone()

    def restart(self) -> None:
        """On the same port and data; a server that still runs is stopped first."""
        self.stop()
        self._wait_until_gone()
        self.process = self._started()

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def close(self) -> None:
        """Leave no process behind, whatever the test did."""
        if self.process.poll() is None:
            self.kill()
        for pid in self._known:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _coatcheck(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "coatcheck", *arguments]

    def _started(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            process = subprocess.Popen(self._command, env=self.env, stdout=log, stderr=log)
        deadline = time.monotonic() + STARTING
        while time.monotonic() < deadline:
            if process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"{self.url}/-/ready", timeout=PATIENCE):
                    self.process = process
                    self.pids()
                    return process
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.05)
        process.kill()
        process.wait()
        raise AssertionError(f"the server did not start:\n{self.said()}")

    def _wait_until_gone(self) -> None:
        """Workers that nobody stopped notice for themselves."""
        deadline = time.monotonic() + PATIENCE
        while any(psutil.pid_exists(pid) for pid in self._known) and time.monotonic() < deadline:
            time.sleep(0.05)
        self._known = []


@contextmanager
def running_server(
    data_dir: Path,
    *,
    server: Literal["granian", "uvicorn"] = "granian",
    workers: int = 1,
    env: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """Ready when the block begins, gone when it ends; when the block fails, what the server wrote is printed."""
    running = Server(data_dir, server=server, workers=workers, env=env)
    try:
        yield running
    except BaseException:
        print(f"--- what {' '.join(running._command)} wrote:\n{running.said()}")
        raise
    finally:
        running.close()
