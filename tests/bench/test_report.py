"""What becomes of figures: the verdict on a bar, the table, the page, the exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.bars import AtLeast, AtMost
from bench.measuring import Measure, Sample, in_turn
from bench.publishing import mark, publish
from bench.report import measured, missed, missing, table
from bench.rows import Row
from bench.session import Session

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Told:
    """A workload whose figures are known."""

    title: str
    unit: str = "req/s"

    def prepare(self, session: Session) -> Measure:
        return figures(1.0)


def figures(*values: float) -> Measure:
    rest = iter(values)
    return lambda: Sample(next(rest))


BEGIN, END = (mark("scripts/bench", which) for which in ("begin", "end"))


def row(bar=None, detail_bars=None) -> Row:
    return Row(
        name="a-row",
        what="a thing",
        subject=Told("ours"),
        rival=Told("theirs"),
        bar=bar,
        detail_bars=detail_bars or {},
    )


def result(*findings):
    return {
        "commit": "abc",
        "machine": {"cores": 2, "memory_gib": 8, "sync_ms": 0.5},
        "versions": {"python": "3"},
        "pairs": 3,
        "rows": findings,
    }


def test_a_ratio_is_the_median_of_the_pairs_and_not_the_ratio_of_medians():
    sides = in_turn(figures(10, 1, 30), figures(10, 2, 10), 3, warm_up=False)
    assert measured(row(), *sides)["ratio"] == 1


def test_the_first_of_each_side_warms_up_and_does_not_count():
    subject, rival = in_turn(figures(1000, 2, 2), figures(1000, 1, 1), 2, warm_up=True)
    assert rival
    assert (subject.median, rival.median) == (2, 1)


@pytest.mark.parametrize(
    ("bar", "figure", "verdict"),
    [
        (AtLeast(0.8, 1), 0.7, "MISSED"),
        (AtLeast(0.8, 1), 0.8, "bar met"),
        (AtLeast(0.8, 1), 1.2, "aim reached"),
        (AtMost(2, 1), 2.1, "MISSED"),
        (AtMost(2, 1), 1.5, "bar met"),
        (AtMost(2, 1), 1, "aim reached"),
    ],
)
def test_a_figure_is_held_to_its_bar_and_its_aim(bar, figure, verdict):
    finding = measured(row(bar), *in_turn(figures(figure), figures(1), 1, warm_up=False))
    assert verdict in table([finding])
    assert missed([finding]) == (["a-row"] if verdict == "MISSED" else [])


def test_a_detail_has_a_bar_and_a_line_of_its_own():
    subject = lambda: Sample(5, {"last chunk": 3})  # noqa: E731
    sides = in_turn(subject, figures(5), 1, warm_up=False)
    finding = measured(row(AtLeast(1, 1), {"last chunk": AtMost(2, 1)}), *sides)
    assert missed([finding]) == ["a-row: last chunk"]
    assert "… last chunk" in table([finding])


def test_a_row_without_a_figure_says_why_in_the_table():
    assert "SKIPPED: wrk is not installed" in table(
        [missing(row(), "skipped", "wrk is not installed")]
    )


def test_only_the_made_block_of_a_page_changes(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    publish(page, result(missing(row(), "skipped", "no wrk")), "scripts/bench")
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"before\n{BEGIN}\n")
    assert text.endswith(f"{END}\nafter\n")
    assert "old" not in text
    assert "no wrk" in text


def test_a_page_without_a_place_for_figures_is_left_alone(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text("nothing here\n", encoding="utf-8")
    with pytest.raises(ValueError, match="lacks"):
        publish(page, result(), "scripts/bench")
    assert page.read_text(encoding="utf-8") == "nothing here\n"


def test_files_of_several_runs_are_read_as_one_and_the_last_finding_of_a_row_counts(tmp_path: Path):
    def written(name: str, figure: float) -> str:
        sides = in_turn(figures(figure), figures(1), 1, warm_up=False)
        finding = {**measured(row(AtLeast(1, 2)), *sides), "name": "raw-nginx"}
        (tmp_path / name).write_text(json.dumps(result(finding)), encoding="utf-8")
        return str(tmp_path / name)

    def read(*files: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "bench", "--check", "--read", *files],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
        )

    bad, good = written("bad", 0.5), written("good", 3)
    assert read(bad, good).returncode == 0
    assert read(good, bad).returncode == 1
    assert "BELOW ITS BAR: raw-nginx" in read(good, bad).stderr
