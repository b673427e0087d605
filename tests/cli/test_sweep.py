"""`coatcheck sweep`: it says what goes and why, and with --dry-run it only says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from coatcheck.domain.intent import Intent
from coatcheck.settings import Settings
from tests.cli.conftest import Invoke
from tests.deeds import BLOBS_ABOVE_1000, LARGE, a_part, content, deposit, principal, receive
from tests.kit import Installation, installation


def long_ago(data_dir: Path, deed: Callable[[Installation], Awaitable[None]]) -> None:
    """Something that was done when a clock showed last year."""

    async def do() -> None:
        async with installation(data_dir, **BLOBS_ABOVE_1000) as place:
            await deed(place)

    asyncio.run(do())


@pytest.fixture
def litter(data_dir: Path) -> None:
    """One of each that a sweep finds."""

    async def leave(place: Installation) -> None:
        ann = await principal(place)
        await deposit(place, ann, content(LARGE))
        await receive(place, a_part(ann, content(100), total=200, start=0))
        async with place.services.transactions.write() as facts:
            await facts.intents.add(
                Intent(
                    blob_key="ab" * 16,
                    owner_id=ann.id,
                    reserved=0,
                    lease="c",
                    lease_until=place.clock.now() + 1,
                )
            )

    long_ago(data_dir, leave)


def blobs() -> list[Path]:
    files = (path for path in (Settings().data_dir / "blobs").rglob("*") if path.is_file())
    return [path for path in files if path.name != "store-id"]


def test_a_dry_run_tells_everything_and_changes_nothing(invoke: Invoke, litter: None) -> None:
    before = blobs()
    told = json.loads(invoke("sweep", "--dry-run", "--json").stdout)

    assert told["dry_run"] is True
    assert sorted(each["reason"] for each in told["attachments"]) == ["abandoned", "expired"]
    assert [each["blob"] for each in told["intents"]] == ["ab" * 16]
    assert blobs() == before
    assert json.loads(invoke("sweep", "--dry-run", "--json").stdout) == told


def test_a_sweep_does_what_the_dry_run_told(invoke: Invoke, litter: None) -> None:
    told = json.loads(invoke("sweep", "--dry-run", "--json").stdout)
    done = json.loads(invoke("sweep", "--json").stdout)

    assert done["attachments"] == told["attachments"]
    assert [each["blob"] for each in done["intents"]] == [each["blob"] for each in told["intents"]]
    assert blobs() == []


def test_a_person_reads_what_went_and_why(invoke: Invoke, litter: None) -> None:
    shown = invoke("sweep").stdout

    assert "expired: nobody claimed it in time" in shown
    assert "abandoned: the upload was never completed" in shown
    assert "orphan: its writer died" in shown
    assert "2.9 KiB" in shown
    assert shown.rstrip().splitlines()[-1] == "3 went."


def test_a_second_sweep_finds_nothing(invoke: Invoke, litter: None) -> None:
    invoke("sweep")
    assert invoke("sweep").stdout == "Nothing to throw away.\n"


def test_what_is_waiting_to_be_claimed_stays(invoke: Invoke, data_dir: Path) -> None:
    async def leave(place: Installation) -> None:
        ann = await principal(place)
        await deposit(place, ann, content(LARGE), lifetime=None)

    long_ago(data_dir, leave)
    assert invoke("sweep").stdout == "Nothing to throw away.\n"
    assert len(blobs()) == 1
