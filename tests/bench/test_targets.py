"""The targets in their smallest form: that each is measured and held to its goal, not how fast anything is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.publishing import mark
from bench.targets.rows import ROWS

ROOT = Path(__file__).parent.parent.parent

#: Those that share a server, and one that says why it is not measured.
QUICK = ("stream-raw", "stream-form", "memory-by-size", "memory-rest", "soak")


def measured(directory: Path, *options: str) -> tuple[dict[str, Any], str]:
    """The findings by their names, and what was said of them."""
    figures = directory / "figures.json"
    command = [sys.executable, "-m", "bench.targets", "--smoke", "--pairs", "1", *options]
    ran = subprocess.run(
        [*command, "--dir", str(directory / "disk"), "--json", str(figures)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    rows = json.loads(figures.read_text(encoding="utf-8"))["rows"]
    return {row["name"]: row for row in rows}, ran.stdout + ran.stderr


def assert_told(rows: dict[str, Any], said: str) -> None:
    for row in ROWS:
        if (finding := rows.get(row.name)) is None:
            continue
        if finding["outcome"] == "skipped":
            assert f"*** {row.name}: SKIPPED: {finding['reason']}" in said
            continue
        assert finding["outcome"] == "measured", finding
        assert finding["bars"], f"{row.name} is held to nothing"
        assert f"| {row.name} " in said


def test_some_targets_are_measured_beside_their_goals_and_what_is_not_is_told(
    tmp_path: Path,
) -> None:
    rows, said = measured(tmp_path, "--only", *QUICK)
    assert rows.keys() == set(QUICK)
    assert rows["stream-raw"]["bars"][0]["bar"] == "≥ 100"
    assert 30 < rows["memory-rest"]["subject"]["median"] < 1000
    assert rows["soak"]["outcome"] == "skipped"
    assert_told(rows, said)


@pytest.mark.thorough
@pytest.mark.timeout(900)
def test_every_target_is_measured_or_says_why_not(tmp_path: Path) -> None:
    rows, said = measured(tmp_path)
    assert list(rows) == [row.name for row in ROWS]
    assert_told(rows, said)


def test_each_target_has_a_name_of_its_own_and_a_goal() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert all(row.bar for row in ROWS)


def test_the_page_has_a_place_for_the_targets() -> None:
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    assert mark("scripts/targets", "begin") in page
    assert mark("scripts/targets", "end") in page
