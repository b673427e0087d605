"""How a server is while others are served: uploads that have to go on, descriptors, memory."""

from __future__ import annotations

import asyncio
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import requests

from tests.e2e.server import Server
from tests.hostile.stalling import PATH

MIB = 1024 * 1024
SIZE = 90_000


@dataclass
class Healthy:
    """Uploads one after another, from some lanes; `took` is in seconds."""

    server: Server
    lanes: int = 4
    pause: float = 0.02
    took: list[float] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    async def for_(self, seconds: float) -> None:
        headers, loop = self.server.headers(), asyncio.get_running_loop()
        # Threads of its own: none of them is to wait for a turn.
        with ThreadPoolExecutor(self.lanes) as threads:
            over = time.monotonic() + seconds
            lanes = [
                loop.run_in_executor(threads, self._lane, headers, over) for _ in range(self.lanes)
            ]
            await asyncio.gather(*lanes)

    def _lane(self, headers: dict[str, str], over: float) -> None:
        with requests.Session() as session:
            while time.monotonic() < over:
                content, began = secrets.token_bytes(SIZE), time.monotonic()
                try:
                    answer = session.post(
                        self.server.url + PATH, data=content, headers=headers, timeout=60
                    )
                except requests.RequestException as error:
                    self.refused.append(str(error))
                    continue
                self.took.append(time.monotonic() - began)
                if answer.status_code != 201:
                    self.refused.append(f"{answer.status_code} {answer.text}")
                time.sleep(self.pause)


def descriptors(server: Server) -> int:
    """All but those of the database, whose pool fills up when it is needed, and then stays as it is."""
    return sum("coatcheck.db" not in each for each in _open(server))


def memory(server: Server) -> float:
    """Resident, in MiB."""
    return float(worker(server).memory_info().rss / MIB)


async def steady_descriptors(server: Server, patience: float = 60) -> int:
    """Once nothing has been opened or closed for a second: who hung up a moment ago is no part of a baseline."""
    seen, since, began = descriptors(server), time.monotonic(), time.monotonic()
    while time.monotonic() < since + 1:
        assert time.monotonic() < began + patience, "descriptors come and go"
        await asyncio.sleep(0.05)
        if (now := descriptors(server)) != seen:
            seen, since = now, time.monotonic()
    return seen


async def seconds_until(server: Server, descriptors_again: int, patience: float = 30) -> float:
    """Until no more descriptors are open than that."""
    began = time.monotonic()
    while (now := descriptors(server)) > descriptors_again:
        if time.monotonic() > began + patience:
            left = "\n".join(sorted(_open(server)))
            raise AssertionError(f"{now} descriptors and not {descriptors_again}:\n{left}")
        await asyncio.sleep(0.05)
    return time.monotonic() - began


def _open(server: Server) -> list[str]:
    """What each descriptor is of (Linux)."""
    found = []
    for each in Path(f"/proc/{worker(server).pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            found.append(str(each.readlink()))
    return found


def worker(server: Server) -> psutil.Process:
    return psutil.Process(server.process.pid).children(recursive=True)[-1]
