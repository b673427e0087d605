"""`coatcheck serve` where it cannot start: on a port in use, beside another host that serves the same database."""

from __future__ import annotations

import errno
import json
import os
import socket
import time
from contextlib import closing
from pathlib import Path

import pytest

from coatcheck.blobs.filesystem import FsOps
from coatcheck.repositories.sqlite_driver import sqlite
from coatcheck.settings import Settings
from tests.cli.conftest import Invoke


@pytest.mark.sqlite
def test_a_second_host_does_not_start_and_disturbs_nothing(
    invoke: Invoke, installed: Settings
) -> None:
    until = time.time_ns() // 1_000_000 + 50_000
    lease = json.dumps({"name": "other", "boot": "b", "machine": "m", "until": until})
    with closing(sqlite.connect(installed.data_dir / "coatcheck.db")) as connection, connection:
        connection.execute("INSERT INTO installation VALUES ('host', ?)", (lease,))

    ran = invoke("serve", "--port", "0")

    assert ran.exit_code == 1
    assert "Another host, other, serves this database" in ran.stderr
    with closing(sqlite.connect(installed.data_dir / "coatcheck.db")) as connection:
        found = connection.execute("SELECT value FROM installation WHERE name = 'host'").fetchone()
    assert found == (lease,)
    assert invoke("keys", "list").exit_code == 0


@pytest.fixture
def no_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that ends as soon as it has begun."""
    monkeypatch.setattr("coatcheck.cli.granian.run", lambda *_: 0)


def test_a_first_start_on_a_port_in_use_makes_nothing_and_the_next_one_tells_a_key(
    invoke: Invoke, data_dir: Path, no_workers: None
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        ran = invoke("serve", "--port", str(other.getsockname()[1]))
    assert ran.exit_code == 1
    assert ran.stderr.startswith("coatcheck: cannot listen on 127.0.0.1:")
    assert not data_dir.exists()

    ran = invoke("serve", "--port", "0")
    assert ran.exit_code == 0
    assert "    cc_" in ran.stdout
    assert "cc_" not in invoke("serve", "--port", "0").stdout


def test_a_name_that_is_no_setting_is_told_in_the_log(
    invoke: Invoke, data_dir: Path, no_workers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COATCHECK_QUOTA_BYTE", "1")
    assert "COATCHECK_QUOTA_BYTE is no setting" in invoke("serve", "--port", "0").stderr
    monkeypatch.delenv("COATCHECK_QUOTA_BYTE")
    assert "is no setting" not in invoke("serve", "--port", "0").stderr


def test_a_disk_that_fails_at_the_start_is_told_with_reason_and_path(
    invoke: Invoke, data_dir: Path, no_workers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert invoke("serve", "--port", "0").exit_code == 0
    opened = FsOps.open

    def fail(fs: FsOps, path: str | Path, flags: int, dir_fd: int | None = None) -> int:
        if Path(path).name == "store-id":
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        return opened(fs, path, flags, dir_fd)

    monkeypatch.setattr(FsOps, "open", fail)
    ran = invoke("serve", "--port", "0")
    assert ran.exit_code == 0
    assert "Input/output error" in ran.stderr
    assert f"{data_dir}/blobs/store-id" in ran.stderr


@pytest.mark.sqlite
@pytest.mark.parametrize("told", [1, OSError("the port was taken meanwhile")])
def test_a_start_that_fails_leaves_no_lease_to_wait_for(
    invoke: Invoke, data_dir: Path, monkeypatch: pytest.MonkeyPatch, told: int | OSError
) -> None:
    def run(*_: object) -> int:
        assert lease() is not None
        if isinstance(told, OSError):
            raise told
        return told

    def lease() -> object:
        with closing(sqlite.connect(data_dir / "coatcheck.db")) as connection:
            found: object = connection.execute(
                "SELECT value FROM installation WHERE name = 'host'"
            ).fetchone()
        return found

    monkeypatch.setattr("coatcheck.cli.granian.run", run)
    assert invoke("serve", "--port", "0").exit_code == 1
    assert lease() is None


@pytest.mark.sqlite
def test_a_start_whose_first_key_cannot_be_made_leaves_no_lease_either(
    invoke: Invoke, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def create(*_: object, **__: object) -> str:
        raise OSError("no entropy")

    monkeypatch.setattr("coatcheck.services.keys.Keys.create", create)
    ran = invoke("serve", "--port", "0")
    assert (ran.exit_code, ran.stderr) == (1, "coatcheck: no entropy\n")
    with closing(sqlite.connect(data_dir / "coatcheck.db")) as connection:
        found = connection.execute("SELECT value FROM installation WHERE name = 'host'").fetchone()
    assert found is None
