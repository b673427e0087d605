"""Several processes on one database and one directory of blobs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from coatcheck.domain.claim import ById
from coatcheck.domain.errors import NotFound
from coatcheck.domain.lifecycle import State
from tests import deeds
from tests.books import assert_books_balance
from tests.core import core
from tests.race.histories import assert_linearizable
from tests.race.linearizable import DETACHED, GONE

ROOT = Path(__file__).parents[2]
PROCESSES = 3


def start(data_dir: Path, seed: int, token: str, now: int) -> subprocess.Popen[str]:
    return started("worker", data_dir, seed, token, now)


def started(module: str, *arguments: object) -> subprocess.Popen[str]:
    """One of the programs in this directory; what it writes can be asked for."""
    return subprocess.Popen(
        [sys.executable, "-m", f"tests.race.{module}", *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def begin(
    data_dir: Path, workers: list[subprocess.Popen[str]], ready: str = "ready", go: str = "go"
) -> None:
    """When all are ready they all go."""
    deadline = time.monotonic() + 30
    while len(list(data_dir.glob(f"{ready}.*"))) < len(workers):
        for each in workers:
            assert each.poll() is None, each.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    (data_dir / go).touch()


#: Of those to fight over, each so many-th is past its time when the fight begins.
SHORT_LIVED = 5


def before_the_fight(prey: list[int]) -> dict[int, str]:
    return {id: DETACHED if n % SHORT_LIVED else GONE for n, id in enumerate(prey)}


async def prepared(data_dir: Path) -> tuple[str, int, list[int]]:
    """Attachments to fight over: some will live, some are past their time already."""
    async with core(data_dir, **deeds.BLOBS_ABOVE_1000) as place:
        ann = await deeds.principal(place)
        ids = []
        for n in range(30):
            lifetime = None if n % SHORT_LIVED else 1000
            made = await deeds.deposit(
                place, ann, deeds.content([30, 1500][n % 2], n), lifetime=lifetime
            )
            ids.append(made.id)
        (data_dir / "prey.json").write_text(json.dumps(ids))
        return await place.key(), place.clock.now() + 62_000, ids


async def test_each_claim_has_one_winner_nothing_claimed_is_missing_and_the_books_balance(
    tmp_path: Path,
):
    token, now, prey = await prepared(tmp_path)
    workers = [start(tmp_path, seed, token, now) for seed in range(PROCESSES)]
    begin(tmp_path, workers)
    told = []
    for each in workers:
        out, err = each.communicate(timeout=50)
        assert each.returncode == 0, err
        told.append(json.loads(out))

    assert sum(each["busy"] for each in told) == 0, "a writer starved"
    won = [id for each in told for id in each["won"]]
    gone = [id for each in told for id in each["gone"]]
    kept = [id for each in told for id in each["kept"]]
    assert won
    assert kept
    assert len(won) == len(set(won)), "two containers hold one"
    assert len(gone) == len(set(gone)), "two deletes of one were told that it was theirs"
    assert not set(won) & set(gone)
    assert len(kept) == len(set(kept))
    assert assert_linearizable(tmp_path, before_the_fight(prey)) > len(prey)

    assert_books_balance(tmp_path)
    async with core(tmp_path, **deeds.BLOBS_ABOVE_1000) as place:
        place.clock.advance((now - place.clock.now()) / 1000)
        ann = await place.services.keys.authenticate(token)
        for id in won:
            found = await place.services.downloads.find(ann, ById(id))
            assert found.state is State.CLAIMED
            assert await deeds.bytes_of(place, ann, ById(id)) == deeds.content(
                found.size, prey.index(id)
            )
        for id in gone:
            with pytest.raises(NotFound):
                await place.services.downloads.find(ann, ById(id))
        for id in kept:
            await deeds.bytes_of(place, ann, ById(id))
        tokens = [each.token for each in (await place.services.listing.filed(ann, 1, 999)).items]
        assert len(tokens) == len(set(tokens))
        await deeds.settle(place)
        assert await deeds.orphans(place) == []
    assert_books_balance(tmp_path, settled=True)


async def test_what_killed_processes_leave_is_cleared_and_what_they_answered_is_there(
    tmp_path: Path,
):
    token, now, prey = await prepared(tmp_path)
    workers = [start(tmp_path, seed, token, now) for seed in range(10, 10 + PROCESSES)]
    begin(tmp_path, workers)
    for each in workers[1:]:
        time.sleep(0.25)
        each.send_signal(signal.SIGKILL)
        each.communicate()
    out, err = workers[0].communicate(timeout=50)
    assert workers[0].returncode == 0, err

    assert_linearizable(tmp_path, before_the_fight(prey))
    assert_books_balance(tmp_path)
    async with core(tmp_path, **deeds.BLOBS_ABOVE_1000) as place:
        place.clock.advance((now - place.clock.now()) / 1000)
        ann = await place.services.keys.authenticate(token)
        told = json.loads(out)
        for id in told["won"] + told["kept"]:
            await deeds.bytes_of(place, ann, ById(id))
        place.clock.advance(place.settings.upload_lease + 61)
        await place.services.reaping.sweep()
        assert await deeds.orphans(place) == []
    # Half-written files are known by their age on the disk, which no test can move.
    assert_books_balance(tmp_path)
