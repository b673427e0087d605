"""Checks: each kind of damage is found and told, nothing that is under way is, and a repair costs nobody a byte."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from coatcheck.blobs.base import new_blob_key
from coatcheck.blobs.filesystem import FilesystemBlobStore
from coatcheck.domain.claim import ById
from coatcheck.domain.errors import Unavailable
from coatcheck.domain.finding import Severity
from coatcheck.domain.intent import Intent
from coatcheck.domain.lifecycle import State
from coatcheck.domain.principal import Principal
from coatcheck.repositories.sqlite_driver import sqlite
from coatcheck.testing.bodies import Whole
from tests import deeds
from tests.books import assert_books_balance
from tests.core import Core, core
from tests.test_books import SPOILERS, _filled, _sql

#: Damage -> the kinds that tell of it. What is under way for a caller of `settled` books is no damage here.
KINDS = {
    "quota used": {"quota"},
    "quota reserved": {"quota"},
    "quota count": {"quota"},
    "uncharged": {"charge", "quota"},
    "claimed by nothing": {"unheld"},
    "detached but held": {"held", "filed"},
    "half purged": {"quota"},
    "size": {"incomplete", "charge", "received", "quota"},
    "digest": {"content"},
    "part": {"incomplete", "received", "orphan"},
    "inline": {"size", "content"},
    "closure": {"closure"},
    "cycle": {"closure"},
    "missing folder": {"astray", "database"},
    "lost blob": {"missing"},
    "short blob": {"size"},
    "flipped bit": {"content"},
    "extra blob": {"orphan"},
}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of everything, at rest."""
    data_dir = tmp_path_factory.mktemp("filled") / "data"
    asyncio.run(_filled(data_dir))
    return data_dir


@pytest.mark.sqlite
@pytest.mark.parametrize("what", KINDS)
async def test_each_kind_of_damage_is_found(what: str, filled: Path, tmp_path: Path):
    shutil.copytree(filled, tmp_path / "data")
    async with core(tmp_path / "data", **deeds.BLOBS_ABOVE_1000) as place:
        assert await deeds.findings(place, rehash=True) == []
        SPOILERS[what](tmp_path / "data")
        found = await deeds.findings(place, rehash=True)
    assert found
    assert {finding.kind for finding in found} <= KINDS[what]


REPAIRED = [
    "quota used",
    "quota reserved",
    "quota count",
    "uncharged",
    "detached but held",
    "half purged",
    "closure",
    "extra blob",
]


@pytest.mark.sqlite
@pytest.mark.parametrize("what", REPAIRED)
async def test_what_can_be_repaired_is_repaired(what: str, filled: Path, tmp_path: Path):
    shutil.copytree(filled, tmp_path / "data")
    SPOILERS[what](tmp_path / "data")
    async with core(tmp_path / "data", **deeds.BLOBS_ABOVE_1000) as place:
        told = await deeds.findings(place, repair=True)
        assert any(finding.repaired for finding in told)
        assert await deeds.findings(place) == []
        await place.services.reaping.sweep()
        assert_books_balance(place, settled=True)


@pytest.mark.sqlite
@pytest.mark.parametrize("what", sorted(KINDS))
async def test_no_repair_removes_a_byte_that_was_stored(what: str, filled: Path, tmp_path: Path):
    shutil.copytree(filled, tmp_path / "data")
    SPOILERS[what](tmp_path / "data")
    blobs = tmp_path / "data" / "blobs"
    before = {path.name: path.read_bytes() for path in blobs.rglob("*") if path.is_file()}
    async with core(tmp_path / "data", **deeds.BLOBS_ABOVE_1000) as place:
        await deeds.findings(place, repair=True, rehash=True)
    after = {path.name: path.read_bytes() for path in blobs.rglob("*") if path.is_file()}
    assert {name: after.get(name) for name in before} == before


@pytest.mark.folder
async def test_each_of_twenty_flipped_bits_is_told_once(place: Core, ann: Principal):
    for seed in range(30):
        await deeds.deposit(place, ann, deeds.content(1500, seed))
    blobs = sorted((place.settings.data_dir / "blobs" / "blobs").glob("*/*"))
    for path in blobs[:20]:
        data = path.read_bytes()
        path.write_bytes(data[:700] + bytes([data[700] ^ 4]) + data[701:])

    assert await deeds.findings(place) == []  # the sizes are right
    found = await deeds.findings(place, rehash=True)

    assert [finding.severity for finding in found] == [Severity.DAMAGE] * 20
    assert all(any(path.name in finding.says for path in blobs[:20]) for finding in found)


@pytest.mark.sqlite
async def test_an_upload_of_overlapping_parts_has_its_digests_checked(place: Core, ann: Principal):
    data = deeds.content(6000)
    for start, stop in ((0, 2500), (2000, 4500), (4500, 6000)):
        await deeds.receive(place, deeds.a_part(ann, data[start:stop], total=6000, start=start))
    assert await deeds.findings(place, rehash=True) == []
    _sql("UPDATE attachments SET sha3_256 = 'ff'")(place.settings.data_dir)
    (told,) = await deeds.findings(place, rehash=True)
    assert "sha3_256" in told.says


@pytest.mark.folder
async def test_a_lost_blob_is_reported_and_its_attachment_stays_until_it_is_put_back(
    place: Core, ann: Principal
):
    made = await deeds.deposit(place, ann, deeds.content(1500))
    (path,) = (place.settings.data_dir / "blobs" / "blobs").glob("*/*")
    path.rename(place.settings.data_dir / "elsewhere")

    (told,) = await deeds.findings(place, repair=True)
    assert (told.kind, told.severity, told.repaired) == ("missing", Severity.DAMAGE, None)

    (place.settings.data_dir / "elsewhere").rename(path)
    assert await deeds.findings(place, rehash=True) == []
    assert await deeds.bytes_of(place, ann, made) == deeds.content(1500)


@pytest.mark.folder
async def test_an_orphan_is_put_out_of_the_way_with_its_bytes(place: Core, ann: Principal):
    stray = new_blob_key()
    await place.services.blobs.put(stray, Whole(b"perhaps the only copy"))
    assert await deeds.orphans(place) == [stray]

    (told,) = await deeds.findings(place, repair=True)

    assert told.repaired
    lost = place.settings.data_dir / "blobs" / "lost+found" / stray
    assert str(lost) in told.repaired
    assert lost.read_bytes() == b"perhaps the only copy"
    assert await deeds.findings(place) == []


async def test_the_blob_of_an_intent_is_no_orphan(place: Core, ann: Principal):
    key = await _intent(place, ann, place.clock.now() + 1)
    await place.services.blobs.put(key, Whole(b"half"))
    assert await deeds.findings(place) == []


async def test_while_deposits_come_and_go_nothing_is_found(place: Core, ann: Principal):
    stop = asyncio.Event()

    async def come_and_go(seed: int) -> None:
        while not stop.is_set():
            made = await deeds.deposit(place, ann, deeds.content(1500, seed))
            part = deeds.a_part(ann, deeds.content(1200, seed), key=f"{seed}", total=1200, start=0)
            progress = await deeds.receive(place, part)
            await deeds.post(place, ann, made)
            await place.services.deleting.delete(ann, ById(made.id), [State.CLAIMED])
            await place.services.deleting.delete(
                ann, ById(progress.attachment.id), [State.DETACHED]
            )

    async with asyncio.TaskGroup() as group:
        for seed in range(4):
            group.create_task(come_and_go(seed))
        for _ in range(6):
            found = [
                finding async for finding in place.services.checking.check(rehash=True, pause=0.1)
            ]
            assert found == []
        stop.set()
    assert_books_balance(place, settled=True)


async def test_what_no_sweep_has_thrown_away_is_told_and_swept(place: Core, ann: Principal):
    await deeds.deposit(place, ann, deeds.content(1500), lifetime=deeds.MINUTE)
    await _intent(place, ann, place.clock.now() + deeds.MINUTE)
    place.clock.advance(600 + 59)
    assert await deeds.findings(place) == []  # a sweep may be late
    place.clock.advance(60)

    told = await deeds.findings(place, repair=True)

    assert {finding.id for finding in told} == {"expired attachments", "intents"}
    assert {finding.severity for finding in told} == {Severity.LEFTOVER}
    assert await deeds.findings(place) == []
    assert_books_balance(place, settled=True)


async def test_a_lease_that_a_wrong_clock_took_is_ended(place: Core, ann: Principal):
    key = await _intent(place, ann, place.clock.now() + deeds.DAY)
    (told,) = await deeds.findings(place, repair=True)
    assert (told.kind, told.id) == ("intent-lease", key)
    place.clock.advance(1)
    await place.services.reaping.sweep()
    assert_books_balance(place, settled=True)


async def test_an_intent_to_drop_what_a_part_names_is_dropped_itself(place: Core, ann: Principal):
    made = await deeds.deposit(place, ann, deeds.content(1500))
    async with place.services.transactions.read() as facts:
        (part,) = await facts.attachments.parts(made.id)
    await _intent(place, ann, place.clock.now() - deeds.DAY, key=part.blob_key)

    told = await deeds.findings(place, repair=True)

    assert told[0].kind == "named-twice"
    await place.services.reaping.sweep()
    assert await deeds.bytes_of(place, ann, made) == deeds.content(1500)
    assert await deeds.findings(place) == []


@pytest.mark.folder
async def test_a_half_written_file_is_told_once_its_writer_must_be_dead(
    place: Core, ann: Principal
):
    store = place.services.blobs
    assert isinstance(store, FilesystemBlobStore)
    leftover = place.settings.data_dir / "blobs" / "tmp" / f"{'a' * 32}.{'b' * 16}"
    leftover.write_bytes(b"half")
    assert await deeds.findings(place) == []
    assert await store.leftovers(-60) == [leftover.name]
    assert await store.sweep_leftovers(-60) == 1
    assert await store.leftovers(-60) == []


async def test_a_store_that_cannot_answer_ends_the_check_and_is_no_finding(
    place: Core, ann: Principal, monkeypatch: pytest.MonkeyPatch
):
    await deeds.deposit(place, ann, deeds.content(1500))

    async def fail(_key: object) -> int:
        raise Unavailable("no")

    monkeypatch.setattr(place.services.blobs, "size", fail)
    with pytest.raises(Unavailable):
        await deeds.findings(place)


@pytest.mark.sqlite
async def test_two_claims_at_one_place_are_put_in_order(place: Core, ann: Principal):
    made = [await deeds.deposit(place, ann, deeds.content(100, seed)) for seed in range(3)]
    await deeds.post(place, ann, *made)
    _sql("UPDATE claims SET position = 0")(place.settings.data_dir)
    (told,) = await deeds.findings(place, repair=True)
    assert told.kind == "places"
    assert_books_balance(place)
    assert await deeds.findings(place) == []


@pytest.mark.sqlite
async def test_a_cycle_among_folders_is_left_to_a_person(filled: Path, tmp_path: Path):
    shutil.copytree(filled, tmp_path / "data")
    SPOILERS["cycle"](tmp_path / "data")
    async with core(tmp_path / "data", **deeds.BLOBS_ABOVE_1000) as place:
        told = await deeds.findings(place, repair=True)
    assert told
    assert all(finding.repaired is None for finding in told)


@pytest.mark.sqlite
async def test_rows_of_more_than_one_page_are_all_looked_at(place: Core, ann: Principal):
    for seed in range(3):
        await deeds.deposit(place, ann, deeds.content(1500, seed))
    with (
        closing(sqlite.connect(place.settings.data_dir / "coatcheck.db")) as connection,
        connection,
    ):
        _multiply(connection, 1201)
        connection.execute("UPDATE attachments SET charged = 0 WHERE id % 100 = 0")
    found = [each for each in await deeds.findings(place) if each.kind == "charge"]
    assert [each.id for each in found] == list(range(100, 1201, 100))


def _multiply(connection: Any, number: int) -> None:
    """The first attachment, until there are so many, each with a copy of its bytes in its row."""
    columns = [row[1] for row in connection.execute("PRAGMA table_info(attachments)")]
    copied = [name for name in columns if name not in ("id", "public_id", "capability")]
    connection.executemany(
        f"INSERT INTO attachments (id, public_id, {', '.join(copied)})"
        f" SELECT ?, ?, {', '.join(copied)} FROM attachments WHERE id = 1",
        [(id, f"p{id}") for id in range(4, number + 1)],
    )
    connection.executemany(
        "INSERT INTO parts (attachment_id, start, ordinal, size, sha256, inline)"
        " SELECT ?, start, ordinal, size, sha256, zeroblob(size) FROM parts WHERE attachment_id = 1",
        [(id,) for id in range(4, number + 1)],
    )


async def _intent(place: Core, ann: Principal, lease_until: int, key: str | None = None):
    blob_key = key or new_blob_key()
    async with place.services.transactions.write() as facts:
        await facts.intents.add(
            Intent(
                blob_key=blob_key, owner_id=ann.id, reserved=0, lease="l", lease_until=lease_until
            )
        )
    return blob_key
