"""Faults strike where and when the plan says, in their own way, and never where somebody relies on the server."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from pydantic import ValidationError

from coatcheck.bootstrap import CannotOpen, open_services
from coatcheck.faultpoints import POINTS, armed, carried, disarm, reach, reach_in_thread
from coatcheck.settings import Settings

SOURCES = Path(__file__).parents[1] / "src" / "coatcheck"


def test_every_point_is_somewhere_in_the_code_and_none_is_there_that_is_not_registered():
    found = {
        name
        for source in SOURCES.rglob("*.py")
        for name in re.findall(r'reach(?:_in_thread)?\("(\w+)"\)', source.read_text())
    }
    assert found == POINTS.keys()


async def test_without_a_plan_nothing_happens():
    await reach("U1")
    reach_in_thread("U5")
    operation = print
    assert carried(operation) is operation


async def test_a_fault_strikes_at_the_time_that_it_is_told_and_only_then():
    with armed("U1:raise=ENOSPC@2") as plan:
        await reach("U1")
        with pytest.raises(OSError, match="No space left"):
            await reach("U1")
        await reach("U1")
        assert plan.reached["U1"] == 3


async def test_one_that_cancels_ends_the_task_at_once():
    async def work() -> None:
        await reach("C1")
        raise AssertionError("it went on")

    with armed("C1:cancel"):
        task = asyncio.create_task(work())
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_one_that_cancels_in_a_thread_ends_the_task_that_waits_for_it():
    gone_on = threading.Event()

    def work() -> None:
        reach_in_thread("U5")
        gone_on.set()

    async def employ() -> None:
        with ThreadPoolExecutor(1) as thread:
            await asyncio.wrap_future(thread.submit(carried(work)))
            await asyncio.sleep(1)

    with armed("U5:cancel"):
        task = asyncio.create_task(employ())
        with pytest.raises(asyncio.CancelledError):
            await task
    assert gone_on.is_set(), "a thread cannot be stopped"


async def test_one_that_delays_lets_others_go_on():
    with armed("K3:delay=0.05; U5:delay=0.05"):
        waiting = asyncio.create_task(reach("K3"))
        await asyncio.sleep(0)
        assert not waiting.done()
        await waiting
        reach_in_thread("U5")


@pytest.mark.parametrize("action", ["kill", "stop"])
def test_one_that_kills_or_stops_tells_it_first(action: str):
    program = f"""
import asyncio, os
from coatcheck.faultpoints import arm, reach
arm("U8:{action}")
asyncio.run(reach("U8"))
print("went on")
"""
    child = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if action == "stop":
        assert child.stderr
        assert child.stderr.readline() == "fault point U8: stop \n"
        while psutil.Process(child.pid).status() != psutil.STATUS_STOPPED:
            time.sleep(0.01)
        child.send_signal(signal.SIGCONT)
        assert child.communicate(timeout=30)[0] == "went on\n"
    else:
        out, err = child.communicate(timeout=30)
        assert (child.returncode, out, err) == (-9, "", "fault point U8: kill \n")


@pytest.mark.parametrize(
    "text", ["U5", "U5:explode", "X1:kill", "U5:raise=ENOTHING", "U5:kill@soon", "U5:delay=long"]
)
def test_what_is_no_fault_is_refused(text: str):
    with pytest.raises(ValueError), armed(text):  # noqa: PT011 - float() has its own words
        pass


async def test_a_point_that_nobody_registered_is_a_mistake():
    with armed("U1:kill@99"), pytest.raises(LookupError, match="X1"):
        await reach("X1")


def test_in_production_faults_are_refused():
    with pytest.raises(ValidationError, match="COATCHECK_ENV=test"):
        Settings(faults="U5:kill")


async def test_a_server_with_faults_that_are_none_does_not_start(tmp_path: Path):
    settings = Settings(data_dir=tmp_path, env="test", faults="U5:explode")
    with pytest.raises(CannotOpen, match="COATCHECK_FAULTS: not a fault: 'U5:explode'"):
        async with open_services(settings):
            pass


async def test_a_server_with_faults_has_them(tmp_path: Path):
    try:
        async with open_services(Settings(data_dir=tmp_path, env="test", faults="U1:raise")):
            with pytest.raises(OSError, match="fault point U1"):
                await reach("U1")
    finally:
        disarm()
