"""Moving house while it is open: bytes from a folder to S3 beside a server in use, facts to PostgreSQL and back."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.e2e.server import Server, running_server
from tests.engines import postgres
from tests.engines.seaweed import s3_url
from tests.nodes.cluster import PATIENCE, Node

PATH = "/coatcheck/v1/attachments"
#: Above what is kept in a row.
SIZE = 3000

ENV = {
    "COATCHECK_INLINE_MAX": "1000",
    "COATCHECK_RATE_LIMITS": "off",
    "COATCHECK_LOG_LEVEL": "warning",
}


class Residents:
    """Some read, and compare what they get; one leaves, claims and deletes. All of them go on until the block ends."""

    readers = 2

    def __init__(self, node: Node) -> None:
        self.node = node
        self.held: dict[int, bytes] = {}
        self.read = 0
        self._over = threading.Event()
        self._threads = ThreadPoolExecutor(1 + self.readers)
        self._lives: list[Future[None]] = []

    def __enter__(self) -> Self:
        self._over.clear()
        self._lives = [self._threads.submit(self._change)]
        self._lives += [self._threads.submit(self._compare, n) for n in range(self.readers)]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        for life in self._lives:
            life.result(PATIENCE)

    def leave(self, count: int) -> None:
        with ThreadPoolExecutor(4) as threads:
            for id, content in threads.map(lambda _: self._leave(), range(count)):
                self.held[id] = content

    def look_at_all(self) -> None:
        with ThreadPoolExecutor(4) as threads:
            for _ in threads.map(self._look, list(self.held)):
                pass

    def _leave(self) -> tuple[int, bytes]:
        content = os.urandom(SIZE)
        answer = self.node.post(PATH, data=content)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"], content

    def _look(self, id: int) -> None:
        content = self.held[id]
        answer = self.node.get(f"{PATH}/{id}/content")
        assert answer.status_code == 200, f"{id}: {answer.status_code} {answer.text}"
        assert hashlib.sha256(answer.content).digest() == hashlib.sha256(content).digest()
        self.read += 1

    def _compare(self, seed: int) -> None:
        dice = random.Random(seed)
        while not self._over.is_set():
            self._look(dice.choice(list(self.held)))

    def _change(self) -> None:
        """What is deleted was never told to the readers."""
        turn = 0
        while not self._over.is_set():
            turn += 1
            id, content = self._leave()
            if turn % 3 == 0:
                assert self.node.ask("DELETE", f"{PATH}/{id}").status_code == 204
                continue
            if turn % 3 == 1:
                claim = {"container": {"kind": "ticket", "id": f"t{id}"}, "attachments": [id]}
                assert self.node.post("/coatcheck/v1/claims", json=claim).status_code < 300
            self.held[id] = content


def command(server: Server, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "coatcheck", *arguments],
        env=server.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def carried_out(server: Server, *arguments: str) -> str:
    """What it says; however long it takes."""
    running = command(server, *arguments)
    said, _ = running.communicate()
    assert running.returncode == 0, said
    return said


def restart(server: Server, changes: Mapping[str, str | None]) -> None:
    """With these settings; None takes one away."""
    server.stop()
    for name, value in changes.items():
        if value is None:
            del server.env[name]
        else:
            server.env[name] = value
    server.restart()


def move_the_bytes(server: Server, residents: Residents, url: str, kills: int) -> None:
    folder = server.data_dir / "blobs"

    def left() -> int:
        return sum(1 for _ in (folder / "blobs").glob("*/*"))

    restart(server, {"COATCHECK_BLOBS_URL": url, "COATCHECK_BLOBS_FROM": folder.as_uri()})
    with residents:
        before = residents.read
        for _ in range(kills):
            there = left()
            migrating = command(server, "blobs", "migrate")
            while left() > there - 5 and migrating.poll() is None:
                time.sleep(0.01)
            assert migrating.poll() is None, "it was over before it could be killed"
            migrating.kill()
            migrating.communicate()
        said = carried_out(server, "blobs", "migrate")
        assert residents.read > before
    assert "COATCHECK_BLOBS_FROM can go" in said
    assert left() == 0
    restart(server, {"COATCHECK_BLOBS_FROM": None})


def move_the_facts(server: Server, url: str) -> None:
    server.stop()
    carried_out(server, "db", "copy", "--to", url)
    restart(server, {"COATCHECK_DATABASE_URL": url})


def move_house(tmp_path: Path, count: int, kills: int) -> None:
    postgres.required()
    bucket = s3_url(f"{tmp_path.name}-moved")  # and the credentials, which the server inherits
    with running_server(tmp_path / "data", env=ENV) as server:
        residents = Residents(Node(server))
        residents.leave(count)

        move_the_bytes(server, residents, bucket, kills)
        residents.look_at_all()
        carried_out(server, "fsck", "--rehash")

        for url in (postgres.bare_database(), f"sqlite:///{tmp_path / 'back.db'}"):
            move_the_facts(server, url)
            residents.look_at_all()
            residents.leave(10)
            carried_out(server, "fsck", "--rehash")
        print(f"\n{len(residents.held)} attachments moved, {residents.read} reads compared")


@pytest.mark.timeout(300)
def test_a_hundred_attachments_move_under_the_eyes_of_their_readers(tmp_path: Path) -> None:
    move_house(tmp_path, 100, kills=1)


@pytest.mark.thorough
@pytest.mark.timeout(3600)
def test_so_do_ten_thousand(tmp_path: Path) -> None:
    move_house(tmp_path, 10_000, kills=5)
