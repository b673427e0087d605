"""What an operator gets wrong is told in a line, with no traceback, and with an exit status of 1."""

from __future__ import annotations

from pathlib import Path

import pytest

from coatcheck.repositories.sqlite_driver import sqlite
from coatcheck.settings import Settings
from tests.cli.command import coatcheck
from tests.cli.conftest import Invoke


def test_every_setting_that_is_wrong_is_named(
    invoke: Invoke, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COATCHECK_MAX_SIZE", "5 GB")
    monkeypatch.setenv("COATCHECK_LOG_LEVEL", "loud")

    ran = invoke("keys", "list")

    assert ran.exit_code == 1
    assert "COATCHECK_MAX_SIZE: " in ran.stderr
    assert "(it is '5 GB')" in ran.stderr
    assert "COATCHECK_LOG_LEVEL: " in ran.stderr
    assert "Traceback" not in ran.stderr


def test_no_installation_keeps_detached_attachments_for_less_than_two_hours(
    invoke: Invoke, installed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Campr promises them to its clients."""
    monkeypatch.setenv("COATCHECK_DETACHED_TTL", "7199")
    ran = invoke("keys", "list")
    assert ran.exit_code == 1
    assert "COATCHECK_DETACHED_TTL: " in ran.stderr
    monkeypatch.setenv("COATCHECK_DETACHED_TTL", "7200")
    assert invoke("keys", "list").exit_code == 0


@pytest.mark.parametrize(
    "url",
    ["nonsense", "fantasy://host/name", "mysql://host/name", "sqlite+fantasy:////tmp/x.db"],
)
def test_a_database_that_cannot_be_is_refused_in_a_line(
    invoke: Invoke, data_dir: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("COATCHECK_DATABASE_URL", url)
    for command in (("db", "upgrade"), ("keys", "list"), ("serve", "--port", "0")):
        ran = invoke(*command)
        assert ran.exit_code == 1, command
        assert ran.stderr.startswith("coatcheck: ")
        assert len(ran.stderr.splitlines()) == 1


def test_the_password_of_a_database_is_not_told(
    invoke: Invoke, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COATCHECK_DATABASE_URL", "fantasy://user:hunter2@host/name")
    assert "hunter2" not in invoke("db", "upgrade").output


@pytest.mark.parametrize("url", ["fantasy://x", "file://relative", "file:///"])
def test_a_blob_store_that_cannot_be_is_refused_with_the_name_of_its_setting(
    invoke: Invoke, installed: Settings, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("COATCHECK_BLOBS_URL", url)
    ran = invoke("serve", "--port", "0")
    assert ran.exit_code == 1
    assert ran.stderr.startswith("coatcheck: COATCHECK_BLOBS_URL: ")


def test_a_dialect_that_nobody_has_is_refused_before_a_worker_starts(
    invoke: Invoke, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COATCHECK_DIALECTS", "latin")
    ran = invoke("serve", "--port", "0")
    assert ran.exit_code == 1
    assert "there is no dialect 'latin'" in ran.stderr


def test_a_database_of_a_newer_version_is_not_served(invoke: Invoke, installed: Settings) -> None:
    with sqlite.connect(installed.data_dir / "coatcheck.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()

    for command in (("serve", "--port", "0"), ("keys", "list"), ("sweep",)):
        ran = invoke(*command)
        assert ran.exit_code == 1
        assert "9999" in ran.stderr
        assert len(ran.stderr.splitlines()) == 1


def test_a_directory_that_cannot_be_written_is_told_with_the_system_s_reason(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COATCHECK_DATA_DIR", "/proc/nowhere")
    ran = invoke("serve", "--port", "0")
    assert ran.exit_code == 1
    assert ran.stderr.startswith("coatcheck: COATCHECK_DATA_DIR: ")


def test_the_version_and_the_help_need_no_settings(tmp_path: Path) -> None:
    wrong = {"COATCHECK_MAX_SIZE": "?"}
    assert coatcheck(tmp_path, "--version", env=wrong).stdout.startswith("coatcheck 0.")
    assert "serve" in coatcheck(tmp_path, "--help", env=wrong).stdout


def test_help_loads_no_server(tmp_path: Path) -> None:
    """What a command does not need, it does not wait for."""
    import subprocess
    import sys

    program = (
        "import sys; from coatcheck.cli import app;"
        "heavy = {'alembic', 'fastapi', 'granian', 'sqlalchemy', 'uvicorn', 'pydantic'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.stdout.strip() == "[]", ran.stderr


def test_a_database_elsewhere_does_not_keep_the_data_directory_from_being_made(
    invoke: Invoke, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COATCHECK_DATABASE_URL", f"sqlite:///{tmp_path}/other/a.db")
    assert invoke("db", "upgrade").exit_code == 0
    assert invoke("keys", "list").exit_code == 0
    assert (data_dir / "blobs").is_dir()
