"""`coatcheck blobs`, and how commands treat a store that is not the database's."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from coatcheck import bootstrap
from coatcheck.settings import Settings
from tests import deeds
from tests.cli.conftest import Invoke
from tests.core import core


def test_a_store_that_is_not_mounted_is_refused_by_whatever_would_touch_it_until_it_is_adopted(
    invoke: Invoke, installed: Settings
) -> None:
    assert invoke("sweep").exit_code == 0
    (installed.data_dir / "blobs").rename(installed.data_dir / "elsewhere")

    for command, status in (("sweep", 1), ("fsck", 2), ("serve", 1)):
        ran = invoke(command, *(("--port", "0") if command == "serve" else ()))
        assert ran.exit_code == status, command
        assert "bears no mark" in ran.stderr
        assert "coatcheck blobs adopt" in ran.stderr

    assert invoke("blobs", "adopt").exit_code == 0
    assert invoke("sweep").exit_code == 0


def test_a_store_without_a_mark_cannot_be_adopted(
    invoke: Invoke, installed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COATCHECK_BLOBS_URL", "memory:")
    monkeypatch.setenv("COATCHECK_ENV", "test")
    ran = invoke("blobs", "adopt")
    assert ran.exit_code == 1
    assert "bears no mark" in ran.stderr


def test_sqlite_on_a_network_file_system_is_refused_unless_it_is_allowed(
    invoke: Invoke, installed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nfs(_path: Path) -> str:
        return "nfs4"

    monkeypatch.setattr(bootstrap, "network_file_system", nfs)
    for command in (("serve", "--port", "0"), ("keys", "list"), ("sweep",)):
        ran = invoke(*command)
        assert ran.exit_code == 1
        assert "network file system (nfs4)" in ran.stderr
        assert len(ran.stderr.splitlines()) == 1

    monkeypatch.setenv("COATCHECK_ALLOW_NETWORK_FILESYSTEM", "on")
    assert invoke("keys", "list").exit_code == 0


@pytest.fixture
def moving(
    installed: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], list[Path]]:
    """Forty blobs, and a new folder for them; what lies in the old one."""

    async def fill() -> None:
        async with core(installed.data_dir, **deeds.BLOBS_ABOVE_1000) as place:
            ann = await deeds.principal(place)
            for seed in range(40):
                await deeds.deposit(place, ann, deeds.content(50_000, seed), lifetime=10**13)

    asyncio.run(fill())
    monkeypatch.setenv("COATCHECK_INLINE_MAX", "1000")
    monkeypatch.setenv("COATCHECK_BLOBS_URL", (tmp_path / "new").as_uri())
    monkeypatch.setenv("COATCHECK_BLOBS_FROM", (installed.data_dir / "blobs").as_uri())
    return lambda: list((installed.data_dir / "blobs" / "blobs").glob("*/*"))


def test_a_migration_moves_everything_and_says_that_the_setting_can_go(
    invoke: Invoke, moving: Callable[[], list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = invoke("blobs", "migrate")
    assert ran.exit_code == 0, ran.stderr
    assert ran.stdout.startswith("40 blobs, 1.9 MiB, were moved.\n")
    assert "COATCHECK_BLOBS_FROM can go" in ran.stdout
    assert moving() == []

    monkeypatch.delenv("COATCHECK_BLOBS_FROM")
    assert invoke("fsck", "--rehash").exit_code == 0


def test_a_migration_that_is_killed_or_stopped_is_gone_on_with(
    invoke: Invoke, moving: Callable[[], list[Path]], data_dir: Path
) -> None:
    for number in (signal.SIGKILL, signal.SIGTERM):
        before = len(moving())
        running = subprocess.Popen(
            [sys.executable, "-m", "coatcheck", "blobs", "migrate"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while running.poll() is None and len(moving()) == before:
            time.sleep(0.001)
        running.send_signal(number)
        running.wait(50)
        assert invoke("fsck", "--rehash").exit_code == 0

    assert invoke("blobs", "migrate").exit_code == 0
    assert moving() == []
    assert invoke("fsck", "--rehash").exit_code == 0


def test_blobs_can_move_only_between_two_stores(
    invoke: Invoke, installed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = invoke("blobs", "migrate")
    assert ran.exit_code == 1
    assert "COATCHECK_BLOBS_FROM is not set" in ran.stderr
    monkeypatch.setenv("COATCHECK_BLOBS_FROM", (installed.data_dir / "blobs").as_uri())
    ran = invoke("blobs", "migrate")
    assert ran.exit_code == 1
    assert ran.stderr.startswith("coatcheck: COATCHECK_BLOBS_FROM: ")
