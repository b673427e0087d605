"""A real server of several workers: each of them tells of all."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest

from tests.e2e.server import PATIENCE, running_server

DONE = 'coatcheck_uploads_ended_total{dialect="native",kind="whole",outcome="completed"} 20.0'


@pytest.mark.thorough
def test_whichever_worker_is_asked_tells_of_all(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", workers=2) as server:
        headers = {"Authorization": f"Bearer {server.key()}"}
        for number in range(20):  # each on a connection of its own, and so with either worker
            path = f"{server.url}/coatcheck/v1/attachments"
            assert httpx.post(path, content=bytes([number]), headers=headers).status_code == 201
        agreed, deadline = 0, time.monotonic() + PATIENCE
        while agreed < 8:
            assert time.monotonic() < deadline
            told = httpx.get(f"{server.url}/-/metrics").text
            agreed = agreed + 1 if DONE in told and "coatcheck_workers 2.0" in told else 0
