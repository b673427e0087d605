"""At every fault point a server is killed, stopped, made to fail, to wait, to give up: what it said yes to holds.

Each point is reached, or its test fails. In the quick form every point has a kill, and one of the others in turn.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from coatcheck.clock import SystemClock
from coatcheck.domain.errors import Unavailable
from coatcheck.faultpoints import POINTS
from coatcheck.repositories import engine
from coatcheck.testing.clock import ManualClock
from tests import deeds
from tests.books import assert_books_balance
from tests.core import Core, core
from tests.crash.workload import Workload
from tests.crash.zygote import PATIENCE, Forked, Zygote, zygote
from tests.engines import choice
from tests.engines.seaweed import credentials

OTHERS = ("raise=EIO", "stop", "cancel", "delay=0.3")

#: Points that only one kind of store has.
OF_THE_FOLDER = {"U2", "U3", "U4", "U5", "U6", "U7", "R3", "R4"}
OF_S3 = {point for point in POINTS if point.startswith("M")}


def applies(point: str) -> bool:
    return point not in (OF_THE_FOLDER if choice.chosen.endswith("s3") else OF_S3)


def cases() -> Iterator[Any]:
    for number, point in enumerate(filter(applies, POINTS)):
        yield pytest.param(point, "kill")
        yield pytest.param(point, "kill@2", marks=pytest.mark.thorough)
        for other in OTHERS:
            quick = other == OTHERS[number % len(OTHERS)]
            yield pytest.param(point, other, marks=() if quick else pytest.mark.thorough)


@pytest.fixture(scope="module")
def nursery() -> Iterator[Zygote]:
    if choice.chosen.endswith("s3"):
        credentials()  # which its servers inherit
    with zygote() as running:
        yield running


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("point", "action"), [*cases()])
async def test_what_it_said_yes_to_holds_and_nothing_else_stays(
    point: str, action: str, nursery: Zygote, tmp_path: Path
):
    data_dir = tmp_path / "data"
    async with core(data_dir, **deeds.BLOBS_ABOVE_1000) as place:
        token = await place.key()
    environment = {
        "COATCHECK_INLINE_MAX": "1000",
        "COATCHECK_REAP_EVERY": "1",
        **{f"COATCHECK_{name.upper()}": url for name, url in choice.places_of(data_dir).items()},
    }
    faulty = environment | {"COATCHECK_ENV": "test", "COATCHECK_FAULTS": f"{point}:{action}"}
    server = nursery.start(data_dir, faulty)
    server.wait_until_ready()
    done = Workload(token, large=choice.chosen.endswith("s3"))
    client = threading.Thread(target=_send, args=(done, server))
    client.start()
    _wait_until_struck(server, point)
    if action == "stop":
        await _be_taken_over(server, data_dir)
    client.join(2 * PATIENCE)
    assert not client.is_alive()
    if action.startswith("kill"):
        server.wait_until_dead()
        assert_books_balance(data_dir)
        server = nursery.start(data_dir, environment)
        server.wait_until_ready()

    again = Workload(token)
    again.run(server.url, PATIENCE)
    assert again.refused() == []
    server.kill()
    for leftover in (data_dir / "blobs" / "tmp").glob("*"):
        os.utime(leftover, (0, 0))  # as if as much time had passed for it
    async with _later(data_dir, 2 * 900) as place:
        ann = await place.services.keys.authenticate(token)
        await _settle(place)
        for each in (done, again):
            await each.check(place, ann)
        assert await deeds.orphans(place) == []
        assert_books_balance(place, settled=True)
        place.clock.advance(3 * 24 * 3600)
        await _settle(place)
        for each in (done, again):
            await each.check(place, ann, only_claimed=True)
        assert_books_balance(place, settled=True)


def _send(workload: Workload, server: Forked) -> None:
    """Again and again: the second time may be the one that counts."""
    for _ in range(2):
        workload.run(server.url, PATIENCE)
        if not server.alive():
            return


def _wait_until_struck(server: Forked, point: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while f"fault point {point}" not in server.said():
        assert time.monotonic() < deadline, f"{point} was not reached:\n{server.said()}"
        time.sleep(0.01)


async def _be_taken_over(server: Forked, data_dir: Path) -> None:
    """While it stands still its leases run out, and another node sweeps. Then it goes on as if nothing had been."""
    deadline = time.monotonic() + PATIENCE
    while not server.stopped():
        assert time.monotonic() < deadline
        time.sleep(0.005)
    with mock.patch.object(engine, "BUSY_TIMEOUT", 1):
        async with _later(data_dir, 901, database_lock_timeout=1) as place:
            with suppress(Unavailable):  # it stands still in a transaction, and all others wait
                await place.services.reaping.sweep()
    server.go_on()


def _later(data_dir: Path, seconds: float, **settings: Any) -> AbstractAsyncContextManager[Core]:
    now = SystemClock().now() + int(seconds * 1000)
    return core(data_dir, clock=ManualClock(now), **deeds.BLOBS_ABOVE_1000, **settings)


async def _settle(place: Core) -> None:
    await place.services.reaping.sweep()
    await place.services.reaping.sweep()
