"""The wall clock of real servers is put forward by three hours, and what was just left is kept for its lifetime."""

from __future__ import annotations

import subprocess
import time
from datetime import datetime
from pathlib import Path

import pytest

from coatcheck.clock import SystemClock
from coatcheck.testing.clock import ManualClock
from tests.books import assert_books_balance
from tests.core import core
from tests.crash.disks import program
from tests.crash.power import SETTINGS
from tests.crash.traffic import BLOBS, NATIVE, Client
from tests.crash.zygote import PATIENCE, zygote

pytestmark = [pytest.mark.sqlite, pytest.mark.thorough]

JUMP = 3 * 3600


def preloaded() -> str:
    """The library by which the program of that name tells a process another time."""
    program("faketime", "faketime")
    command = ["faketime", "-f", "+0", "printenv", "LD_PRELOAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.timeout(180)
async def test_what_was_just_left_outlives_a_jump_of_the_clock_that_two_servers_see(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    offset = tmp_path / "offset"
    offset.write_text("+0")
    for name, value in {
        "LD_PRELOAD": preloaded(),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_RESET": "1",
    }.items():
        monkeypatch.setenv(name, value)
    data_dir = tmp_path / "data"
    async with core(data_dir, clock=ManualClock(SystemClock().now())) as place:
        token = await place.key()
    with zygote() as nursery:
        settings = SETTINGS | {"COATCHECK_DETACHED_TTL": "7200"}
        servers = [nursery.start(data_dir, settings) for _ in range(2)]
        for server in servers:
            server.wait_until_ready()
        client = Client(servers[0].url, token, BLOBS)
        assert client.raw() == 201
        ((id, _),) = client.promises.kept.items()
        before = client._send("GET", f"{NATIVE}/attachments/{id}").json()["expires_at"]
        time.sleep(1)  # both have looked at the clock
        offset.write_text(f"+{JUMP}")
        for server in servers:
            deadline = time.monotonic() + PATIENCE
            while "put forward by 108" not in server.said():
                assert time.monotonic() < deadline, server.said()
                time.sleep(0.1)
        time.sleep(4)  # there were sweeps since
        assert client.promises.broken(servers[1].url, token) == []
        after = client._send("GET", f"{NATIVE}/attachments/{id}").json()["expires_at"]
        put_off = datetime.fromisoformat(after) - datetime.fromisoformat(before)
        assert abs(put_off.total_seconds() - JUMP) < 60
        for server in servers:
            server.kill()
    assert_books_balance(data_dir)
