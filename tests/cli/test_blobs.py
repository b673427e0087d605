"""`coatcheck blobs`, and how commands treat a store that is not the database's."""

from __future__ import annotations

from pathlib import Path

import pytest

from coatcheck import bootstrap
from coatcheck.settings import Settings
from tests.cli.conftest import Invoke


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
