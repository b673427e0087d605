"""The benchmark in its smallest form: that every row still runs, not how fast anything is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench.rows import ROWS

# It is over in a fraction of that, where the machine has nothing else to do.
pytestmark = pytest.mark.timeout(400)

ROOT = Path(__file__).parent.parent.parent
BENCH = [sys.executable, "-m", "bench", "--smoke", "--pairs", "1"]


def left_running(directory: Path) -> list[str]:
    """Processes that were told of the directory."""
    found = []
    for process in psutil.process_iter():
        try:
            told = [*process.cmdline(), *process.environ().values()]
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if any(str(directory) in each for each in told):
            found.append(" ".join(process.cmdline()))
    return found


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """In memory where that is possible: nothing is measured, so nobody has to wait for a disk."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path_factory.mktemp("bench") / "disk"
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as made:
        yield Path(made) / "disk"


@pytest.fixture(scope="module")
def ran(
    directory: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], subprocess.CompletedProcess[str]]:
    figures = tmp_path_factory.mktemp("figures") / "figures.json"
    ran = subprocess.run(
        [*BENCH, "--dir", str(directory), "--json", str(figures)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=350,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return json.loads(figures.read_text(encoding="utf-8")), ran


def test_every_row_is_measured_or_says_loudly_why_not(ran):
    result, process = ran
    rows = {row["name"]: row for row in result["rows"]}
    assert list(rows) == [row.name for row in ROWS]
    for name, row in rows.items():
        assert row["outcome"] in ("measured", "skipped"), row
        if row["outcome"] == "skipped":
            assert row["reason"]
            assert f"*** {name}: SKIPPED: {row['reason']}" in process.stdout
            assert name in process.stderr


def test_the_figures_are_medians_and_ratios(ran):
    result, _ = ran
    measured = {row["name"]: row for row in result["rows"] if row["outcome"] == "measured"}
    # Those that need nothing but what every checkout has.
    assert {"campr-digest", "chunks-raw", "list-native", "memory-rest"} <= measured.keys()
    for row in ROWS:
        if finding := measured.get(row.name):
            sides = [finding["subject"], *([finding["rival"]] if row.rival else [])]
            for side in sides:
                assert side["samples"] == [side["median"]]
                assert side["median"] >= 0
            assert (finding["ratio"] is not None) == (row.rival is not None)
            assert len(finding["bars"]) == (row.bar is not None) + len(row.detail_bars)


def test_the_run_says_where_and_what_was_measured(ran):
    result, _ = ran
    assert result["machine"].keys() == {"cores", "memory_gib", "sync_ms"}
    assert {"python", "sqlite", "coatcheck", "granian"} <= result["versions"].keys()
    assert result["commit"]


def test_nothing_is_left_of_a_run(ran, directory: Path):
    assert left_running(directory) == []
    assert list(directory.iterdir()) == []


@pytest.mark.parametrize(("signalled", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_no_server_is_left_of_a_run_that_is_ended_early(
    tmp_path: Path, signalled: signal.Signals, status: int
):
    directory = tmp_path / "disk"
    with subprocess.Popen(
        [*BENCH, "--dir", str(directory), "--only", "campr-digest", "--pairs", "10000"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        wait_until(lambda: any(directory.glob("run-*/*-peer/data/coatcheck.db")))
        assert left_running(directory)
        process.send_signal(signalled)
        process.wait(60)
    assert process.returncode == status
    wait_until(lambda: not left_running(directory))
    if signalled != signal.SIGKILL:
        assert list(directory.iterdir()) == []


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)
