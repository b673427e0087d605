"""What an operator gets wrong is told in a line, with no traceback, and with an exit status of 1."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from coatcheck.repositories.sqlite_driver import sqlite
from coatcheck.settings import Settings, load
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
    ("name", "value"),
    [
        ("COATCHECK_DATA_DIR", ""),
        ("COATCHECK_MAX_SIZE", ""),
        ("COATCHECK_PUBLIC_URL", "files.example.org"),
        ("COATCHECK_PUBLIC_URL", "https://"),
        ("COATCHECK_PUBLIC_URL", "https://files.example.org/coatcheck"),
        ("COATCHECK_PUBLIC_URL", "https://user@files.example.org"),
        ("COATCHECK_CORS_ORIGINS", "app.example.org"),
        ("COATCHECK_CORS_ORIGINS", "https://app.example.org, https://app.example.org/page"),
        ("COATCHECK_BLOBS_URL", "memory:"),
    ],
)
def test_a_value_that_cannot_be_is_told_by_name_and_nothing_starts(
    invoke: Invoke, data_dir: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    ran = invoke("serve", "--port", "0")
    assert ran.exit_code == 1
    assert ran.stderr.startswith(f"coatcheck: the settings are wrong.\n{name}")
    assert not data_dir.exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("COATCHECK_PUBLIC_URL", ""),
        ("COATCHECK_PUBLIC_URL", "https://files.example.org:8443/"),
        ("COATCHECK_CORS_ORIGINS", ""),
        ("COATCHECK_CORS_ORIGINS", "null"),
        ("COATCHECK_CORS_ORIGINS", "http://localhost:3000, https://app.example.org"),
    ],
)
def test_values_that_can_be_are_taken(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    load()


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


def _not_a_database(file: Path) -> None:
    file.write_bytes(b"\x55" * 8192)


def _malformed(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[:4096] + b"\x55" * (len(content) - 4096))


def _unable_to_open(file: Path) -> None:
    file.unlink()
    file.mkdir()


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (_not_a_database, "file is not a database"),
        (_malformed, "malformed"),
        (_unable_to_open, "unable to open database file"),
    ],
)
def test_a_damaged_database_is_told_in_a_line(
    invoke: Invoke, installed: Settings, damage: Callable[[Path], None], reason: str
) -> None:
    damage(installed.data_dir / "coatcheck.db")
    for command, status in (
        (("keys", "list"), 1),
        (("db", "upgrade"), 1),
        (("serve", "--port", "0"), 1),
        (("fsck",), 2),
    ):
        ran = invoke(*command)
        assert ran.exit_code == status, command
        assert ran.stderr.startswith("coatcheck: The "), ran.stderr
        assert reason in ran.stderr
        assert len(ran.stderr.splitlines()) == 1, ran.stderr


def test_root_makes_nothing_among_the_files_of_another_user(
    invoke: Invoke, installed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() == 0:
        os.chown(installed.data_dir, 65534, 65534)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 0)
    before = sorted(installed.data_dir.rglob("*"))

    for command in (("keys", "list"), ("serve", "--port", "0"), ("doctor",)):
        ran = invoke(*command)
        assert ran.exit_code == 1
        assert f"{installed.data_dir} belongs to user " in ran.stderr
        assert len(ran.stderr.splitlines()) == 1

    assert sorted(installed.data_dir.rglob("*")) == before


@pytest.mark.sqlite
def test_a_database_that_is_not_there_may_be_looked_for_in_the_wrong_place(
    invoke: Invoke, data_dir: Path
) -> None:
    ran = invoke("keys", "list")
    assert ran.exit_code == 1
    assert f"{data_dir}/coatcheck.db" in ran.stderr
    assert "or is COATCHECK_DATA_DIR another one?" in ran.stderr


@pytest.mark.parametrize(
    ("name", "url", "module", "extra"),
    [
        ("COATCHECK_BLOBS_URL", "s3://bucket/x?region=r", "aiobotocore", "s3"),
        ("COATCHECK_BLOBS_FROM", "s3://bucket/x?region=r", "aiobotocore", "s3"),
        ("COATCHECK_DATABASE_URL", "postgresql+psycopg://host/name", "psycopg", "postgres"),
    ],
)
def test_an_extra_that_is_missing_is_named(
    tmp_path: Path, name: str, url: str, module: str, extra: str
) -> None:
    """In a process of its own, which has not imported it yet."""
    program = f"import sys; sys.modules[{module!r}] = None; from coatcheck.cli import main; main()"
    environment = os.environ | {name: url, "COATCHECK_DATA_DIR": str(tmp_path / "data")}
    if extra == "s3":
        assert coatcheck(tmp_path / "data", "db", "upgrade").returncode == 0

    ran = subprocess.run(
        [sys.executable, "-c", program, "keys", "list"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=50,
    )

    assert ran.returncode == 1
    assert ran.stderr.startswith(f"coatcheck: {name}: "), ran.stderr
    assert f"the extra `{extra}`" in ran.stderr
    assert len(ran.stderr.splitlines()) == 1
