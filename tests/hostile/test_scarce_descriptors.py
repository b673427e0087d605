"""A process that has nearly as many files and connections open as it may: no uploads, but all else goes on."""

from __future__ import annotations

import resource
import socket
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

import pytest
import requests

from tests.e2e.server import running_server
from tests.hostile import health
from tests.hostile.stalling import PATH

#: Connections that somebody opens and does nothing with.
IDLE = 60


@pytest.mark.parametrize("kind", ["granian", "uvicorn"])
async def test_uploads_are_refused_while_little_more_may_be_opened_and_reading_goes_on(
    tmp_path: Path, kind: Literal["granian", "uvicorn"]
) -> None:
    with running_server(tmp_path / "data", server=kind) as server, requests.Session() as session:
        session.headers.update(server.headers())

        def upload() -> requests.Response:
            return session.post(server.url + PATH, data=b"x" * 200_000, timeout=30)

        made = upload()
        assert made.status_code == 201, made.text
        opened = await health.steady_descriptors(server) + 10  # and some of the database
        most = int((opened + IDLE - 10) / 0.8)
        resource.prlimit(health.worker(server).pid, resource.RLIMIT_NOFILE, (most, most))
        with ExitStack() as idle:
            for _ in range(IDLE):
                idle.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            time.sleep(1.5)  # it is looked at once a second
            refused = upload()
            assert refused.status_code == 503, refused.text
            assert refused.headers["Retry-After"] == "5"
            assert "connections" in refused.text
            assert "connections" in session.get(f"{server.url}/-/ready", timeout=30).text
            there = session.get(f"{server.url}{PATH}/{made.json()['id']}/content", timeout=30)
            assert there.content == b"x" * 200_000
        time.sleep(1.5)
        assert upload().status_code == 201
