"""How a server is while others are served: uploads that have to go on, descriptors, memory."""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass, field

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
        headers = self.server.headers()
        async with asyncio.TaskGroup() as lanes:
            for _ in range(self.lanes):
                lanes.create_task(
                    asyncio.to_thread(self._lane, headers, time.monotonic() + seconds)
                )

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
    return _worker(server).num_fds()


def memory(server: Server) -> float:
    """Resident, in MiB."""
    return float(_worker(server).memory_info().rss / MIB)


async def seconds_until(server: Server, descriptors_again: int, patience: float = 30) -> float:
    """Until no more descriptors are open than that."""
    began = time.monotonic()
    while (now := descriptors(server)) > descriptors_again:
        if time.monotonic() > began + patience:
            left = sorted(str(each) for each in _worker(server).net_connections())
            files = [each.path for each in _worker(server).open_files()]
            raise AssertionError(f"{now} descriptors and not {descriptors_again}: {files} {left}")
        await asyncio.sleep(0.05)
    return time.monotonic() - began


def _worker(server: Server) -> psutil.Process:
    return psutil.Process(server.process.pid).children(recursive=True)[-1]
