"""Sweeps: what nobody claimed in time goes, and nothing else; whatever fails or dies in between is taken up again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from pathlib import Path

import pytest

from coatcheck.blobs.base import BlobKey, BlobStore
from coatcheck.bootstrap import open_services
from coatcheck.domain.attachment import Attachment
from coatcheck.domain.claim import ById
from coatcheck.domain.errors import NotFound, Unavailable
from coatcheck.domain.principal import Principal
from coatcheck.services import purging, reaping
from coatcheck.testing.bodies import Whole
from coatcheck.testing.content import listed
from coatcheck.testing.faulty import FaultyBlobStore
from tests import deeds
from tests.books import assert_books_balance
from tests.cancelling import cancelled_at
from tests.core import Core, core

GRACE = 60


class Stubborn:
    """A store in which some blobs cannot be touched, as when their directory is not ours any more."""

    def __init__(self, store: BlobStore) -> None:
        self.poisoned: set[str] = set()
        self.deletes: list[str] = []
        self._store = store

    async def put(self, key: BlobKey, data: AsyncIterable[bytes]) -> int:
        return await self._store.put(key, data)

    def read(self, key: BlobKey, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        self._refuse(key)
        return self._store.read(key, start, stop)

    async def size(self, key: BlobKey) -> int:
        return await self._store.size(key)

    async def delete(self, key: BlobKey) -> None:
        self.deletes.append(key)
        self._refuse(key)
        await self._store.delete(key)

    def keys(self, prefix: str = "") -> AsyncIterator[BlobKey]:
        return self._store.keys(prefix)

    def _refuse(self, key: BlobKey) -> None:
        if key in self.poisoned:
            raise Unavailable("permission denied")


async def count(place: Core, caller: Principal) -> int:
    return (await place.services.listing.holdings(caller)).usage.attachments


async def blob_of(place: Core, attachment: Attachment) -> BlobKey:
    async with place.services.transactions.read() as facts:
        (part,) = await facts.attachments.parts(attachment.id)
    assert part.blob_key
    return BlobKey(part.blob_key)


@pytest.mark.parametrize("size", [10, deeds.LARGE])
async def test_between_the_last_moment_of_a_claim_and_the_first_of_a_reap_lies_a_minute(
    size: int, place: Core, ann: Principal
):
    await deeds.deposit(place, ann, deeds.content(size), lifetime=1000)
    for milliseconds in (1000, GRACE * 1000):
        place.clock.advance(milliseconds=milliseconds)
        assert (await place.services.reaping.sweep()).expired == []
    assert await count(place, ann) == 1
    place.clock.advance(milliseconds=1)
    preview = await place.services.reaping.preview()
    swept = await place.services.reaping.sweep()
    assert [(due.reason, due.size) for due in swept.expired] == [("expired", size)]
    assert [due.id for due in preview.expired] == [due.id for due in swept.expired]
    assert [due.id for due in swept.purged] == [due.id for due in swept.expired]
    assert await count(place, ann) == 0
    assert_books_balance(place, settled=True)


async def test_a_dry_run_changes_nothing(place: Core, ann: Principal):
    await deeds.deposit(place, ann, b"x", lifetime=1000)
    place.clock.advance(GRACE + 2)
    for _ in range(2):
        assert len((await place.services.reaping.preview()).expired) == 1
    assert await count(place, ann) == 1


async def test_an_upload_that_was_never_completed_is_abandoned(place: Core, ann: Principal):
    await deeds.receive(place, deeds.a_part(ann, b"x" * 2000, total=5000, start=0))
    place.clock.advance(deeds.DAY / 1000 + GRACE + 1)
    swept = await place.services.reaping.sweep()
    assert [due.reason for due in swept.expired] == ["abandoned"]
    assert (await place.services.listing.holdings(ann)).usage.reserved == 0
    assert_books_balance(place, settled=True)


async def test_a_sweep_after_a_sweep_has_nothing_to_do(place: Core, ann: Principal):
    for seed in range(5):
        await deeds.deposit(place, ann, deeds.content(1500, seed), lifetime=1000)
    place.clock.advance(GRACE + 2)
    assert len((await place.services.reaping.sweep()).purged) == 5
    assert await place.services.reaping.sweep() == reaping.Sweep()


async def test_what_has_no_time_limit_stays(place: Core, ann: Principal):
    made = await deeds.deposit(place, ann, b"x", lifetime=None)
    place.clock.advance(10**9)
    assert (await place.services.reaping.sweep()).expired == []
    assert await deeds.bytes_of(place, ann, made) == b"x"


async def test_many_sweeps_at_once_do_everything_once(place: Core, ann: Principal):
    for seed in range(40):
        await deeds.deposit(place, ann, deeds.content(1500, seed), lifetime=1000)
    place.clock.advance(GRACE + 2)
    sweeps = await asyncio.gather(*(place.services.reaping.sweep() for _ in range(6)))
    for what in ("expired", "purged"):
        ids = [due.id for sweep in sweeps for due in getattr(sweep, what)]
        assert sorted(ids) == list(range(1, 41))
    assert (await place.services.listing.holdings(ann)).usage.used == 0
    assert_books_balance(place, settled=True)


async def test_sweeps_of_two_servers_on_one_database_purge_each_once_and_refund_each_owner_exactly(
    place: Core, ann: Principal, bob: Principal, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(reaping, "BATCH", 4)
    for seed in range(30):
        size = [10, 1500][seed % 2]
        lifetime = 1000 if seed % 5 else None
        owner = [ann, bob][seed % 3 == 0]
        await deeds.deposit(place, owner, deeds.content(size, seed), lifetime=lifetime)
    place.clock.advance(GRACE + 2)
    async with open_services(place.settings, place.clock) as others:
        sweeps = await asyncio.gather(place.services.reaping.sweep(), others.reaping.sweep())
    purged = [due.id for sweep in sweeps for due in sweep.purged]
    assert len(purged) == len(set(purged)) == 24
    assert [await count(place, owner) for owner in (ann, bob)] == [4, 2]
    assert_books_balance(place, settled=True)


async def test_an_owner_whose_books_are_wrong_keeps_no_other_from_being_purged(
    place: Core, ann: Principal, bob: Principal
):
    for owner in (ann, bob):
        await deeds.deposit(place, owner, b"x", lifetime=1000)
    async with place.services.transactions.write() as facts:
        await facts.quotas.refund(ann.id, used=1)
    place.clock.advance(GRACE + 2)
    swept = await place.services.reaping.sweep()
    assert [due.owner_id for due in swept.purged] == [bob.id]
    assert await count(place, bob) == 0
    async with place.services.transactions.write() as facts:
        assert await facts.quotas.charge(ann.id, 1)
    await deeds.settle(place)
    assert_books_balance(place, settled=True)


async def test_of_many_parts_none_is_left_however_few_keys_are_held_at_once(
    place: Core, ann: Principal, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(purging, "_BLOBS", 2)
    for start in range(0, 10_000, 2000):
        data = deeds.content(2000, start)
        await deeds.receive(place, deeds.a_part(ann, data, total=12_000, start=start))
    await deeds.deposit(place, ann, deeds.content(deeds.LARGE), lifetime=1000)
    place.clock.advance(deeds.DAY / 1000 + GRACE + 1)
    assert len((await place.services.reaping.sweep()).purged) == 2
    assert await listed(place.services.blobs) == []
    assert_books_balance(place, settled=True)


async def test_a_tombstone_is_kept_for_a_day(place: Core, ann: Principal):
    await deeds.deposit(place, ann, b"x", lifetime=1000)
    place.clock.advance(GRACE + 2)
    await place.services.reaping.sweep()
    place.clock.advance(deeds.DAY / 1000)
    assert (await place.services.reaping.sweep()).tombstones == 0
    place.clock.advance(milliseconds=1)
    assert (await place.services.reaping.sweep()).tombstones == 1
    assert_books_balance(place, settled=True)


async def test_blobs_that_cannot_be_deleted_keep_no_other_from_going(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(reaping, "BATCH", 5)
    stores: list[Stubborn] = []

    def wrap(store: BlobStore) -> BlobStore:
        stores.append(Stubborn(store))
        return stores[0]

    async with core(tmp_path, wrap_blobs=wrap, **deeds.BLOBS_ABOVE_1000) as place:
        ann = await deeds.principal(place)
        made = [
            await deeds.deposit(place, ann, deeds.content(1500, seed), lifetime=1000)
            for seed in range(30)
        ]
        for each in made[:12]:  # more than two whole batches, and first in every order
            stores[0].poisoned.add(await blob_of(place, each))
        place.clock.advance(GRACE + 2)
        swept = await place.services.reaping.sweep()
        assert len(swept.expired) == 30
        assert len(swept.purged) == 18
        assert await count(place, ann) == 12
        with pytest.raises(NotFound):
            await deeds.bytes_of(place, ann, made[0])
        assert_books_balance(place)
        # Not asked again at once, but in time; and then they go.
        tried = len(stores[0].deletes)
        await place.services.reaping.sweep()
        assert len(stores[0].deletes) == tried
        place.clock.advance(place.settings.upload_lease + 1)
        await place.services.reaping.sweep()
        assert len(stores[0].deletes) == tried + 12
        stores[0].poisoned.clear()
        await deeds.settle(place)
        assert await count(place, ann) == 0
        assert_books_balance(place, settled=True)


async def test_intents_whose_blobs_cannot_be_deleted_keep_no_other_from_going(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(reaping, "BATCH", 2)
    stores: list[Stubborn] = []

    def wrap(store: BlobStore) -> BlobStore:
        stores.append(Stubborn(store))
        return stores[0]

    async with core(tmp_path, wrap_blobs=wrap, **deeds.BLOBS_ABOVE_1000) as place:
        ann = await deeds.principal(place)
        keys = [await _abandoned_intent(place, ann) for _ in range(8)]
        stores[0].poisoned.update(keys[:5])
        place.clock.advance(place.settings.upload_lease + 1)
        swept = await place.services.reaping.sweep()
        assert sorted(each.blob_key for each in swept.intents) == sorted(keys[5:])
        assert_books_balance(place)
        stores[0].poisoned.clear()
        await deeds.settle(place)
        assert (await place.services.listing.holdings(ann)).usage.reserved == 0
        assert_books_balance(place, settled=True)


async def _abandoned_intent(place: Core, caller: Principal) -> BlobKey:
    """As a process leaves one that dies while it writes."""
    intent = deeds.an_intent(caller, place.clock.now() + place.settings.upload_lease * 1000)
    async with place.services.transactions.write() as facts:
        assert await facts.quotas.reserve(caller.id, intent.reserved)
        await facts.intents.add(intent)
    await place.services.blobs.put(BlobKey(intent.blob_key), Whole(b"half"))
    return BlobKey(intent.blob_key)


async def test_a_blob_that_cannot_be_read_keeps_no_other_from_its_digest(tmp_path: Path):
    stores: list[Stubborn] = []

    def wrap(store: BlobStore) -> BlobStore:
        stores.append(Stubborn(store))
        return stores[0]

    async with core(tmp_path, wrap_blobs=wrap, **deeds.BLOBS_ABOVE_1000) as place:
        ann = await deeds.principal(place)
        made = [await deeds.deposit(place, ann, deeds.content(1500, n)) for n in range(3)]
        stores[0].poisoned.add(await blob_of(place, made[0]))
        async with place.services.transactions.write() as facts:
            for each in made:
                await facts.attachments.note_digests(each.id, {"sha256": None})  # type: ignore[dict-item]
        await place.services.reaping.sweep()
        found = [await place.services.downloads.find(ann, ById(each.id)) for each in made]
        assert [bool(each.digests) for each in found] == [False, True, True]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("op", ["delete", "read", "size", "keys"])
async def test_a_sweep_that_fails_at_any_operation_is_finished_by_the_next(
    op: str, after: bool, tmp_path: Path
):
    for nth in range(1, 40):
        faulty: list[FaultyBlobStore] = []

        def wrap(
            store: BlobStore, nth: int = nth, faulty: list[FaultyBlobStore] = faulty
        ) -> BlobStore:
            faulty.append(FaultyBlobStore(store, op, nth, Unavailable(), after=after))  # type: ignore[arg-type]
            return faulty[0]

        async with core(tmp_path / str(nth), wrap_blobs=wrap, **deeds.BLOBS_ABOVE_1000) as place:
            ann = await deeds.principal(place)
            for seed in range(3):
                await deeds.deposit(place, ann, deeds.content(1500, seed), lifetime=1000)
            await _abandoned_intent(place, ann)
            place.clock.advance(place.settings.upload_lease + GRACE + 2)
            await place.services.reaping.sweep()
            assert_books_balance(place)
            await deeds.settle(place)
            assert_books_balance(place, settled=True)
            assert await count(place, ann) == 0
        if not faulty[0].fired:
            return
    pytest.fail("it does not end")


async def test_a_sweep_that_died_in_the_middle_is_taken_up_after_its_lease(
    place: Core, ann: Principal
):
    """At each wait of a purge, as if the process had been killed there."""
    for wait in range(1, 200):
        await deeds.deposit(place, ann, deeds.content(1500, wait), lifetime=1000)
        place.clock.advance(GRACE + 2)
        _, reached = await cancelled_at(place.services.reaping.sweep(), wait)
        assert_books_balance(place)
        place.clock.advance(place.settings.upload_lease + 1)
        await place.services.reaping.sweep()
        assert await count(place, ann) == 0
        assert_books_balance(place, settled=True)
        if not reached:
            return
    pytest.fail("it does not end")


async def test_when_the_clock_is_set_back_nothing_is_swept_early_and_nothing_breaks(
    place: Core, ann: Principal
):
    made = await deeds.deposit(place, ann, b"x", lifetime=100_000)
    place.clock.advance(-3600)
    assert (await place.services.reaping.sweep()).expired == []
    assert await deeds.bytes_of(place, ann, made) == b"x"
    assert_books_balance(place, settled=True)
