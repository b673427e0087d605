"""`coatcheck doctor`: it tries things, names what is wrong, and leaves no trace."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from coatcheck.blobs.filesystem import FsOps
from coatcheck.clock import SystemClock
from coatcheck.repositories.schema import REVISION
from coatcheck.repositories.sqlite_driver import sqlite
from coatcheck.settings import Settings
from tests.cli.conftest import Invoke
from tests.engines import postgres


@pytest.fixture
def findings(invoke: Invoke):
    """The findings by their names, as (state, what it says), after the exit status was checked against them."""

    def examine() -> dict[str, tuple[str, str]]:
        ran = invoke("doctor", "--json")
        told: Any = json.loads(ran.stdout)
        found = {each["name"]: (each["state"], each["says"]) for each in told["findings"]}
        wrong = any(state == "wrong" for state, _ in found.values())
        assert ran.exit_code == (1 if wrong else 0)
        assert told["healthy"] is not wrong
        return found

    return examine


def change(installed: Settings, statement: str, values: Sequence[object] = ()) -> None:
    """Of what is in the database."""
    with closing(sqlite.connect(installed.data_dir / "coatcheck.db")) as connection, connection:
        connection.execute(statement, values)


def test_a_sound_installation_is_healthy(findings, invoke: Invoke, installed: Settings) -> None:
    invoke("keys", "create", "--tenant", "acme", "--user", "ann")
    found = findings()
    assert {state for state, _ in found.values()} == {"ok"}
    assert f"at {REVISION}" in found["migrations"][1]


def test_a_person_is_shown_a_table(invoke: Invoke, installed: Settings) -> None:
    shown = invoke("doctor").stdout.splitlines()
    assert shown[0].split() == ["CHECK", "STATE", "WHAT"]
    assert any(line.startswith("migrations") and " ok " in line for line in shown)


def test_it_tells_which_journal_is_in_force_and_why(findings, installed: Settings) -> None:
    state, says = findings()["database"]
    assert state == "ok"
    assert sqlite.sqlite_version in says
    assert "journal_mode=" in says
    assert "synchronous=" in says
    assert "write-ahead log" in says


def test_of_postgresql_it_tells_what_durability_hangs_on(
    findings, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres.required()
    data_dir.mkdir(mode=0o700)
    monkeypatch.setenv("COATCHECK_DATABASE_URL", postgres.fresh_database())
    found = findings()
    state, says = found["database"]
    assert state == "ok"
    assert "synchronous_commit=on, fsync=on" in says
    assert found["migrations"][0] == found["writing rows"][0] == "ok"


def test_a_postgresql_that_does_not_sync_is_wrong(
    findings, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres.required()
    data_dir.mkdir(mode=0o700)
    with postgres.server(fsync="off", full_page_writes="off") as server:
        monkeypatch.setenv("COATCHECK_DATABASE_URL", server.url("coatcheck_template"))
        state, says = findings()["database"]
    assert state == "wrong"
    assert "fsync=off" in says
    assert "full_page_writes is off" in says


def test_the_probes_leave_nothing_behind(findings, installed: Settings) -> None:
    findings()
    assert [path for path in (installed.data_dir / "blobs").rglob("*") if path.is_file()] == []
    with sqlite.connect(installed.data_dir / "coatcheck.db") as connection:
        assert connection.execute("SELECT count(*) FROM installation").fetchone() == (0,)
    connection.close()


def test_without_a_database_that_is_what_is_wrong(findings, data_dir: Path) -> None:
    state, says = findings()["opening"]
    assert state == "wrong"
    assert "coatcheck db upgrade" in says
    assert not data_dir.exists()


def test_a_schema_of_another_version_is_wrong(findings, installed: Settings) -> None:
    change(installed, "UPDATE alembic_version SET version_num = '0000'")
    state, says = findings()["migrations"]
    assert state == "wrong"
    assert "0000" in says


def test_a_clock_that_went_back_is_wrong(findings, invoke: Invoke, installed: Settings) -> None:
    invoke("keys", "create", "--tenant", "acme", "--user", "ann")
    change(installed, "UPDATE keys SET created_at = created_at + 3600000")
    state, says = findings()["clock"]
    assert state == "wrong"
    assert "yet something was stored at" in says


#: Root without the right to write everywhere (setpriv(1), of Debian's essential util-linux); others have no such right.
_LIKE_ANYBODY = ["setpriv", "--bounding-set=-dac_override"] if os.geteuid() == 0 else []


def test_a_directory_that_cannot_be_written_is_wrong(installed: Settings) -> None:
    command = [*_LIKE_ANYBODY, sys.executable, "-m", "coatcheck", "doctor", "--json"]
    said: dict[int, str] = {}
    for mode in (0o500, 0o700):
        installed.data_dir.chmod(mode)
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
        found = {each["name"]: each for each in json.loads(ran.stdout)["findings"]}
        said[mode] = found["data directory"]["state"]
    assert said == {0o500: "wrong", 0o700: "ok"}


def test_a_directory_that_others_can_read_is_worth_a_warning(findings, installed: Settings) -> None:
    installed.data_dir.chmod(0o755)
    state, says = findings()["data directory"]
    assert state == "warning"
    assert "chmod 700" in says


def test_a_disk_without_room_is_wrong(
    findings, installed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage:
        free = 1000

    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage)
    assert findings()["free space"][0] == "wrong"


@pytest.mark.parametrize(
    ("url", "state"),
    [
        ("", "ok"),
        ("https://files.example.org", "ok"),
        ("http://localhost:8080", "ok"),
        ("http://files.example.org", "warning"),
    ],
)
def test_a_public_url_without_tls_is_worth_a_warning(
    findings, installed: Settings, monkeypatch: pytest.MonkeyPatch, url: str, state: str
) -> None:
    monkeypatch.setenv("COATCHECK_PUBLIC_URL", url)
    assert findings()["public url"][0] == state


def test_a_name_that_is_no_setting_is_worth_a_warning(
    findings, installed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COATCHECK_QUOTA_BYTE", "1")
    assert findings()["settings"] == (
        "warning",
        "there is no COATCHECK_QUOTA_BYTE; see .env.example",
    )


def test_a_store_that_gives_back_something_else_is_wrong(
    findings, installed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = FsOps.pread
    monkeypatch.setattr(FsOps, "pread", lambda *arguments: bytes(len(read(*arguments))))
    assert findings()["blobs"] == ("wrong", "what was stored is not what was read")


def test_of_a_disk_that_fails_the_reason_and_the_path_are_told(
    findings, installed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_fs: FsOps, source: Path, *_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(source))

    monkeypatch.setattr(FsOps, "link", fail)
    state, says = findings()["blobs"]
    assert state == "wrong"
    assert "Input/output error" in says
    assert str(installed.data_dir / "blobs") in says


def test_a_store_that_bears_another_mark_is_wrong(findings, installed: Settings) -> None:
    assert findings()["pair"][0] == "ok"
    change(installed, "INSERT INTO installation VALUES ('store_id', 'ours')")
    state, says = findings()["pair"]
    assert state == "wrong"
    assert "bears no mark" in says
    assert "coatcheck blobs adopt" in says


@pytest.mark.parametrize(
    ("seconds", "found"),
    [(30, ("wrong", "Another host, elsewhere, serves")), (-1, ("ok", "none serves now"))],
)
def test_a_host_that_serves_already_is_named(
    findings, installed: Settings, seconds: int, found: tuple[str, str]
) -> None:
    until = SystemClock().now() + seconds * 1000
    lease = {"name": "elsewhere", "boot": "another", "machine": "another", "until": until}
    change(installed, "INSERT INTO installation VALUES ('host', ?)", [json.dumps(lease)])
    state, says = findings()["host"]
    assert (state, says[: len(found[1])]) == found
