"""The database, the store or the room on the disk is gone: how soon clients are told, and how soon it is over."""

from __future__ import annotations

import os
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import requests

from bench.measuring import Measure, Sample
from bench.outcomes import Failed, Skipped
from bench.scale import MIB
from bench.session import Session
from bench.targets.loads import PATH
from bench.targets.places import database, served, store
from tests.e2e.server import Server

BACK, LOST = "first kept after its return, s", "lost"

#: Too large for a row, so that it needs the store.
_SIZE = 100_000


@dataclass
class Client:
    """Uploads one after another; what was said yes to has to be there."""

    server: Server
    kept: dict[int, bytes] = field(default_factory=dict)

    def upload(self, size: int = _SIZE) -> requests.Response:
        content = secrets.token_bytes(size)
        answer = requests.post(
            self.server.url + PATH, data=content, headers=self.server.headers(), timeout=120
        )
        if answer.status_code == 201:
            self.kept[answer.json()["id"]] = content
        return answer

    def seconds_until_kept(self, began: float, size: int = _SIZE) -> float:
        while self.upload(size).status_code != 201:
            if time.monotonic() > began + 120:
                raise Failed("nothing is kept two minutes after its return")
            time.sleep(0.02)
        return time.monotonic() - began

    def lost(self) -> int:
        return sum(self._read(id) != content for id, content in self.kept.items())

    def _read(self, id: int) -> bytes:
        url = f"{self.server.url}{PATH}/{id}/content"
        return requests.get(url, headers=self.server.headers(), timeout=120).content


@dataclass(frozen=True, kw_only=True)
class Away:
    """Seconds that a refusal takes at most, while it is away."""

    what: Literal["database", "store"]
    unit: str = "s"

    @property
    def title(self) -> str:
        return f"no {self.what}"

    def prepare(self, session: Session) -> Measure:
        def measure() -> Sample:
            with self._served(session) as (server, go, come_back):
                client = Client(server)
                for _ in range(10):
                    client.upload()
                go()
                told = _refusals(client, session.scale.away)
                come_back()
                back = client.seconds_until_kept(time.monotonic())
                return Sample(max(told), {BACK: back, LOST: client.lost()})

        return measure

    @contextmanager
    def _served(
        self, session: Session
    ) -> Iterator[tuple[Server, Callable[[], None], Callable[[], None]]]:
        with ExitStack() as stack:
            if self.what == "database":
                running = stack.enter_context(database())
                url = running.make("targets", "coatcheck_template")
                server = stack.enter_context(served(session, COATCHECK_DATABASE_URL=url))
                yield server, running.kill, running.start
            else:
                weed = stack.enter_context(store(session))
                url = weed.url("targets", timeout=5)
                server = stack.enter_context(served(session, COATCHECK_BLOBS_URL=url))
                yield server, weed.kill, weed.start


@dataclass(frozen=True, kw_only=True)
class DiskFull:
    """Seconds until an upload is refused for which there is no room."""

    unit: str = "s"
    title: str = "a disk of 8 MiB"

    def prepare(self, session: Session) -> Measure:
        if os.geteuid() != 0:
            raise Skipped("only root may mount a small disk")

        def measure() -> Sample:
            with (
                _small_disk(session.new_directory("disk")) as disk,
                served(session, **_on(disk)) as server,
            ):
                client = Client(server)
                if (answer := client.upload()).status_code != 201:
                    raise Failed(f"with room it answered {answer.status_code}")
                ballast = disk / "ballast"
                ballast.write_bytes(bytes(5 * MIB))
                began = time.monotonic()
                answer = client.upload(4 * MIB)
                took = time.monotonic() - began
                if answer.status_code != 507:
                    raise Failed(f"without room it answered {answer.status_code}")
                others = client.lost()
                ballast.unlink()
                back = client.seconds_until_kept(time.monotonic(), 4 * MIB)
            return Sample(took, {BACK: back, LOST: others})

        return measure


def _refusals(client: Client, seconds: float) -> list[float]:
    """How long each took. Raises Failed where one is refused in any other way than it should be."""
    told: list[float] = []
    over = time.monotonic() + seconds
    while time.monotonic() < over or not told:
        began = time.monotonic()
        answer = client.upload()
        told.append(time.monotonic() - began)
        if answer.status_code != 503 or "retry-after" not in answer.headers:
            raise Failed(f"while it was away: {answer.status_code} {answer.text[:200]}")
        time.sleep(0.05)
    return told


def _on(disk: Path) -> dict[str, str]:
    """Nothing is held back: all of so small a disk would be."""
    return {"COATCHECK_BLOBS_URL": (disk / "blobs").as_uri(), "COATCHECK_DISK_RESERVE": "0"}


@contextmanager
def _small_disk(directory: Path) -> Iterator[Path]:
    """Raises Skipped where nothing can be mounted."""
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(directory)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        raise Skipped(f"no small disk can be mounted: {mounted.stderr.strip()}")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "-l", str(directory)], check=False)
