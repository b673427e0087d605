"""`coatcheck db copy`: another database in the place of this one."""

from __future__ import annotations

from pathlib import Path

import pytest

from coatcheck.settings import Settings
from tests.cli.conftest import Invoke


def test_a_copy_has_the_keys_of_the_old_database_and_tells_what_to_do_next(
    invoke: Invoke, installed: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = invoke("keys", "create", "--tenant", "acme", "--user", "ann").stdout
    assert token
    listed = invoke("keys", "list").stdout
    other = f"sqlite:///{tmp_path}/other.db"

    ran = invoke("db", "copy", "--to", other)

    assert ran.exit_code == 0, ran.stderr
    assert "        1  keys\n" in ran.stdout
    assert "COATCHECK_DATABASE_URL" in ran.stdout
    monkeypatch.setenv("COATCHECK_DATABASE_URL", other)
    assert invoke("keys", "list").stdout == listed


def test_a_copy_over_something_is_refused_in_a_line(
    invoke: Invoke, installed: Settings, tmp_path: Path
) -> None:
    assert invoke("keys", "create", "--tenant", "acme", "--user", "ann").exit_code == 0
    other = f"sqlite:///{tmp_path}/other.db"
    assert invoke("db", "copy", "--to", other).exit_code == 0
    ran = invoke("db", "copy", "--to", other)
    assert ran.exit_code == 1
    assert ran.stderr.startswith("coatcheck: the database to copy to is not empty")
    assert len(ran.stderr.splitlines()) == 1


@pytest.mark.parametrize("url", ["nonsense", "fantasy://host/name"])
def test_a_copy_to_what_is_no_database_is_refused(
    invoke: Invoke, installed: Settings, url: str
) -> None:
    ran = invoke("db", "copy", "--to", url)
    assert ran.exit_code == 1
    assert len(ran.stderr.splitlines()) == 1


def test_without_a_database_there_is_nothing_to_copy(invoke: Invoke, tmp_path: Path) -> None:
    ran = invoke("db", "copy", "--to", f"sqlite:///{tmp_path}/other.db")
    assert ran.exit_code == 1
    assert "There is no database" in ran.stderr
    assert not (tmp_path / "other.db").exists()
