"""`coatcheck fsck`: what it finds is told to a person or a program, and its exit status says which of three it is."""

from __future__ import annotations

import asyncio
import json
from contextlib import closing
from pathlib import Path

import pytest

from coatcheck.repositories.sqlite_driver import sqlite
from coatcheck.settings import Settings
from tests import deeds
from tests.cli.conftest import Invoke
from tests.core import core
from tests.test_books import SPOILERS


@pytest.fixture
def filled(data_dir: Path) -> Path:
    async def fill() -> None:
        async with core(data_dir, **deeds.BLOBS_ABOVE_1000) as place:
            ann = await deeds.principal(place)
            await deeds.file_away(place, ann, deeds.content(deeds.LARGE), "a/b/c.bin")

    asyncio.run(fill())
    return data_dir


def test_a_sound_installation_is_told_so_with_status_0(invoke: Invoke, filled: Path) -> None:
    ran = invoke("fsck", "--rehash")
    assert (ran.exit_code, ran.stdout) == (0, "All is well.\n")
    ran = invoke("fsck", "--json")
    assert (ran.exit_code, json.loads(ran.stdout)) == (0, {"findings": 0, "repaired": 0})


def test_a_finding_is_a_line_and_status_1(invoke: Invoke, filled: Path) -> None:
    SPOILERS["lost blob"](filled)
    ran = invoke("fsck")
    assert ran.exit_code == 1
    assert ran.stdout.startswith("damage: part 1 of attachment 1 has lost its blob ")
    assert ran.stdout.endswith("1 found, 0 repaired, 1 left.\n")


def test_a_program_is_told_each_finding_on_a_line_of_its_own(invoke: Invoke, filled: Path) -> None:
    SPOILERS["quota used"](filled)
    SPOILERS["extra blob"](filled)
    ran = invoke("fsck", "--json")
    *findings, total = [json.loads(line) for line in ran.stdout.splitlines()]
    assert ran.exit_code == 1
    assert [each["kind"] for each in findings] == ["orphan", "quota"]
    assert findings[0].keys() == {"kind", "severity", "subject", "id", "says", "repaired"}
    assert total == {"findings": 2, "repaired": 0}


def test_a_repair_says_what_it_did_and_the_next_check_is_clean(
    invoke: Invoke, filled: Path
) -> None:
    SPOILERS["quota used"](filled)
    ran = invoke("fsck", "--repair")
    assert ran.exit_code == 1
    assert "Repaired: it was summed again." in ran.stdout
    assert ran.stdout.endswith("1 found, 1 repaired, 0 left.\n")
    assert invoke("fsck").exit_code == 0


def test_without_a_database_there_is_no_answer_and_status_2(invoke: Invoke, data_dir: Path) -> None:
    ran = invoke("fsck")
    assert ran.exit_code == 2
    assert "There is no database" in ran.stderr
    assert not data_dir.exists()


def test_a_setting_that_is_wrong_is_no_finding(
    invoke: Invoke, filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COATCHECK_MAX_SIZE", "?")
    assert invoke("fsck").exit_code == 2


def test_a_damaged_database_file_is_told(
    invoke: Invoke, filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(sqlite.connect(Settings().data_dir / "coatcheck.db")) as connection, connection:
        connection.execute("INSERT INTO keys VALUES (9, 99, 'h', 'h', '[]', 0, NULL, NULL)")
    ran = invoke("fsck", "--rehash")
    assert ran.exit_code == 1
    assert "row 9 of keys refers to a row of principals that is not there" in ran.stdout
