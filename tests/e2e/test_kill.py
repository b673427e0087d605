"""`kill -9` in the middle of uploads: whatever was acknowledged is there afterwards, and nothing is half there."""

from __future__ import annotations

import hashlib
import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests

from tests.books import assert_books_balance
from tests.e2e.server import Server, running_server

ROUNDS = 5
UPLOADS = 40
SIZES = (100, 40_000, 64 * 1024 + 1, 300_000, 2_500_000)


class Site:
    """attach.fast's API with one key."""

    def __init__(self, server: Server) -> None:
        self._url = server.url
        self._headers = server.headers()

    def post(self, path: str, **form: Any) -> requests.Response:
        return requests.post(self._url + path, headers=self._headers, timeout=20, **form)

    def get(self, path: str) -> requests.Response:
        return requests.get(self._url + path, headers=self._headers, timeout=20)


class Acknowledged:
    """What the server said yes to: the address of each upload, and the SHA-256 of what was sent."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.files: dict[str, str] = {}
        self.attempts = 0

    def wait_for_more(self, count: int, patience: float = 20) -> None:
        """Until so many more were acknowledged, however slow the machine is."""
        goal, deadline = len(self.files) + count, time.monotonic() + patience
        while len(self.files) < goal and time.monotonic() < deadline:
            time.sleep(0.002)

    def upload(self, site: Site, number: int) -> None:
        content = os.urandom(SIZES[number % len(SIZES)])
        name = f"{hashlib.sha256(content).hexdigest()[:12]}.bin"
        with self._lock:
            self.attempts += 1
        try:
            path = _whole(site, content, name) if number % 2 else _in_chunks(site, content, name)
        except requests.RequestException:
            return  # the server died: no answer, no promise
        if path:
            with self._lock:
                self.files[path] = hashlib.sha256(content).hexdigest()


def _whole(site: Site, content: bytes, name: str) -> str | None:
    answer = site.post("/api/files", files={"file": (name, content)})
    return str(answer.headers["location"]) if answer.status_code == 201 else None


def _in_chunks(site: Site, content: bytes, name: str) -> str | None:
    size = max(1, len(content) // 3)
    pieces = [content[at : at + size] for at in range(0, len(content), size)]
    for number, piece in enumerate(pieces, 1):
        answer = site.post(
            "/api/large_files",
            files={"file": piece},
            data={"chunk": number, "total_size": len(content), "key": name},
        )
        if answer.status_code == 201:
            return str(answer.headers["location"])
        assert answer.status_code == 202, answer.text
    return None


def test_no_acknowledged_upload_is_lost_when_the_server_is_killed_at_any_time(
    tmp_path: Path,
) -> None:
    acknowledged = Acknowledged()
    chance = random.Random(20261121)
    with running_server(tmp_path / "data", workers=2) as server:
        site = Site(server)
        for _ in range(ROUNDS):
            with ThreadPoolExecutor(8) as pool:
                uploads = [
                    pool.submit(acknowledged.upload, site, number) for number in range(UPLOADS)
                ]
                acknowledged.wait_for_more(chance.randrange(1, UPLOADS // 2))
                time.sleep(chance.uniform(0, 0.05))
                server.kill()
            for upload in uploads:
                upload.result()
            assert_books_balance(tmp_path / "data")
            server.restart()
        assert acknowledged.attempts == ROUNDS * UPLOADS
        assert acknowledged.files, "the server was always killed too early to say anything"
        for path, sha256 in acknowledged.files.items():
            shown = site.get(path)
            assert shown.status_code == 200, (path, shown.text)
            content = requests.get(shown.json()["url"], timeout=20).content
            assert hashlib.sha256(content).hexdigest() == sha256, path
