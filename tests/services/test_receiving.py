"""Uploads that come in parts: by range and by ordinal, in any order, at once, and more than once."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coatcheck.domain.claim import ById, ByToken
from coatcheck.domain.digest import SHA3_256
from coatcheck.domain.errors import (
    Excess,
    Incomplete,
    NotFound,
    Overlap,
    QuotaExceeded,
    SizeMismatch,
    TooLarge,
    TooMany,
    Unavailable,
)
from coatcheck.domain.folder import Filing
from coatcheck.domain.lifecycle import VISIBLE, State
from coatcheck.domain.pages import Window
from coatcheck.domain.principal import Principal
from coatcheck.services.commands import Placement, Receive
from coatcheck.services.receiving import Progress
from coatcheck.testing.bodies import Cut, Stalled
from tests import deeds
from tests.books import assert_books_balance
from tests.cancelling import cancelled_at
from tests.core import Core, core
from tests.services.conftest import Stage

many = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)


async def usage(place: Core, caller: Principal) -> tuple[int, int, int]:
    found = (await place.services.listing.holdings(caller)).usage
    return found.used, found.reserved, found.attachments


def chunks(caller: Principal, data: bytes, size: int, **fields: Any) -> list[Receive]:
    cut = [data[at : at + size] for at in range(0, len(data), size)] or [b""]
    return [
        deeds.a_part(caller, piece, total=len(data), ordinal=number, **fields)
        for number, piece in enumerate(cut, 1)
    ]


def ranges(
    caller: Principal, data: bytes, cuts: list[tuple[int, int]], **fields: Any
) -> list[Receive]:
    return [
        deeds.a_part(caller, data[start:stop], total=len(data), start=start, **fields)
        for start, stop in cuts
    ]


async def in_turn(place: Core, parts: list[Receive]) -> Progress:
    """What the last of them came to."""
    return [await deeds.receive(place, part) for part in parts][-1]


# -- every byte in its place -------------------------------------------------------------------------


@many
@given(
    size=st.integers(0, 6000),
    piece=st.integers(400, 2500),
    seed=st.integers(0, 10**6),
    at_once=st.booleans(),
)
def test_chunks_in_any_order_and_again_make_exactly_one_attachment_with_every_byte_in_its_place(
    size: int, piece: int, seed: int, at_once: bool, stage: Stage
):
    data, dice = deeds.content(size, seed), random.Random(seed)

    async def upload(key: str) -> None:
        *others, last = dice.sample(order := chunks(stage.ann, data, piece, key=key), len(order))
        # Repeats come before the upload is whole: after that, an earlier chunk begins another one.
        others += dice.sample(others, dice.randint(0, len(others)))
        dice.shuffle(others)
        if at_once:
            await asyncio.gather(*(deeds.receive(stage.place, each) for each in others))
        else:
            for each in others:
                await deeds.receive(stage.place, each)
        done = await asyncio.gather(*(deeds.receive(stage.place, last) for _ in range(2)))
        assert all(each.complete for each in done)
        assert done[0].attachment.id == done[1].attachment.id
        await check(stage, done[0].attachment.id, data)

    stage.run(upload(stage.fresh()))


async def check(stage: Stage, attachment_id: int, data: bytes) -> None:
    """It is what was sent, and there is nothing besides."""
    found = await stage.place.services.downloads.find(stage.ann, ById(attachment_id))
    assert found.digests["sha256"] == hashlib.sha256(data).hexdigest()
    assert await deeds.bytes_of(stage.place, stage.ann, found) == data
    await stage.place.services.deleting.delete(stage.ann, ById(attachment_id), list(VISIBLE))
    assert_books_balance(stage.place, settled=True)
    assert (await usage(stage.place, stage.ann)) == (0, 0, 0)


@many
@given(size=st.integers(0, 6000), seed=st.integers(0, 10**6), at_once=st.booleans())
def test_ranges_in_any_cut_order_and_overlap_make_exactly_one_attachment(
    size: int, seed: int, at_once: bool, stage: Stage
):
    data, dice = deeds.content(size, seed), random.Random(seed)
    edges = sorted({0, size, *(dice.randint(0, size) for _ in range(dice.randint(0, 4)))})
    cuts = list(itertools.pairwise(edges)) or [(0, 0)]
    for _ in range(dice.randint(0, 4)):
        start, stop = sorted((dice.randint(0, size), dice.randint(0, size)))
        cuts.append(dice.choice([(start, stop), dice.choice(cuts)]))
    dice.shuffle(cuts)

    async def upload(key: str) -> None:
        sent = ranges(stage.ann, data, cuts, key=key)
        if at_once:
            results = await asyncio.gather(*(deeds.receive(stage.place, each) for each in sent))
        else:
            results = [await deeds.receive(stage.place, each) for each in sent]
        done = {each.attachment.id for each in results if each.complete}
        assert len(done) == 1
        (found,) = {each.attachment.id for each in results}
        assert found in done
        again = await deeds.receive(stage.place, dice.choice(sent))
        assert again.complete
        assert again.attachment.id == found
        assert again.attachment.digests[SHA3_256] == hashlib.sha3_256(data).hexdigest()
        await check(stage, found, data)

    stage.run(upload(stage.fresh()))


@many
@given(seed=st.integers(0, 10**6))
def test_a_conflicting_range_is_refused_and_the_original_completes_unharmed(
    seed: int, stage: Stage
):
    dice = random.Random(seed)
    data, other = deeds.content(5000, seed), deeds.content(5000, seed + 1)
    start, stop = sorted(dice.sample(range(5001), 2))
    bad = (max(0, start - 300), max(stop - 300, start + 1))

    async def upload(key: str) -> None:
        await in_turn(stage.place, ranges(stage.ann, data, [(start, stop)], key=key))
        with pytest.raises(Overlap):
            await in_turn(stage.place, ranges(stage.ann, other, [bad], key=key))
        done = await in_turn(
            stage.place,
            ranges(stage.ann, data, [(0, start), (stop, 5000)], key=key),
        )
        if not done.complete:
            done = await in_turn(stage.place, ranges(stage.ann, data, [(0, 5000)], key=key))
        await check(stage, done.attachment.id, data)

    stage.run(upload(stage.fresh()))


async def test_two_last_parts_at_once_complete_it_once(place: Core, ann: Principal):
    for seed in range(15):
        data = deeds.content(4000, seed)
        first, *rest = ranges(ann, data, [(0, 1000), (1000, 2500), (2500, 4000)], key=str(seed))
        await deeds.receive(place, first)
        outcomes = await asyncio.gather(*(deeds.receive(place, each) for each in rest))
        assert any(each.complete for each in outcomes)
        assert len({each.attachment.id for each in outcomes}) == 1
        assert await deeds.bytes_of(place, ann, outcomes[0].attachment) == data
    assert await usage(place, ann) == (15 * 4000, 0, 15)
    assert_books_balance(place, settled=True)


async def test_the_same_part_many_times_at_once_is_kept_once(place: Core, ann: Principal):
    data = deeds.content(4000)
    tried = ranges(ann, data, [(0, 2000)] * 12)
    await asyncio.gather(*(deeds.receive(place, each) for each in tried))
    done = await in_turn(place, ranges(ann, data, [(2000, 4000)]))
    async with place.services.transactions.read() as facts:
        assert len(await facts.attachments.parts(done.attachment.id)) == 2
    assert_books_balance(place, settled=True)


async def test_different_bytes_for_one_chunk_at_once_leave_one_of_them(place: Core, ann: Principal):
    tried = [deeds.a_part(ann, deeds.content(1500, n), total=3000, ordinal=1) for n in range(6)]
    outcomes = await asyncio.gather(
        *(deeds.receive(place, each) for each in tried), return_exceptions=True
    )
    assert sorted(type(each).__name__ for each in outcomes) == ["Overlap"] * 5 + ["Progress"]
    assert_books_balance(place, settled=True)


async def test_different_bytes_in_overlapping_ranges_at_once_leave_one_of_them(
    place: Core, ann: Principal
):
    for seed in range(10):
        one = deeds.a_part(ann, deeds.content(1500, 2 * seed), total=3000, start=0, key=str(seed))
        other = deeds.a_part(
            ann, deeds.content(1500, 2 * seed + 1), total=3000, start=700, key=str(seed)
        )
        outcomes = await asyncio.gather(
            deeds.receive(place, one), deeds.receive(place, other), return_exceptions=True
        )
        assert sorted(type(each).__name__ for each in outcomes) == ["Overlap", "Progress"]
    assert_books_balance(place, settled=True)


# -- what is refused ---------------------------------------------------------------------------------


async def test_another_total_is_refused_before_the_body_is_read(place: Core, ann: Principal):
    await deeds.receive(place, deeds.a_part(ann, b"x" * 10, total=100, start=0))
    body = Stalled(b"", 0)
    with pytest.raises(SizeMismatch):
        await deeds.receive(
            place,
            deeds.a_part(
                ann, body, total=101, start=10, known=Placement(key="k", total=101, start=10)
            ),
        )
    assert not body.silent.is_set()
    with pytest.raises(SizeMismatch):
        await deeds.receive(place, deeds.a_part(ann, b"x", total=101, start=10))
    assert_books_balance(place, settled=True)


@pytest.mark.parametrize("size", [50, 5000])
async def test_what_goes_beyond_the_total_is_refused(size: int, place: Core, ann: Principal):
    with pytest.raises(Excess):
        await deeds.receive(place, deeds.a_part(ann, b"x" * size, total=size, start=1))
    await deeds.receive(place, deeds.a_part(ann, b"x" * (size - 1), total=size, ordinal=1))
    with pytest.raises(Excess):
        await deeds.receive(place, deeds.a_part(ann, b"xx", total=size, ordinal=2))
    await deeds.settle(place)
    place.clock.advance(deeds.DAY / 1000 + 61)
    await place.services.reaping.sweep()
    assert await usage(place, ann) == (0, 0, 0)
    assert_books_balance(place, settled=True)


@pytest.mark.parametrize("size", [500, 3000])
async def test_a_cut_part_leaves_the_upload_as_it_was(size: int, place: Core, ann: Principal):
    data = deeds.content(2 * size)
    await deeds.receive(place, deeds.a_part(ann, data[:size], total=2 * size, start=0))
    with pytest.raises(Incomplete):
        await deeds.receive(
            place, deeds.a_part(ann, Cut(data[size:], size // 2, 100), total=2 * size, start=size)
        )
    done = await deeds.receive(place, deeds.a_part(ann, data[size:], total=2 * size, start=size))
    assert await deeds.bytes_of(place, ann, done.attachment) == data
    assert_books_balance(place, settled=True)


async def test_limits_of_parts_totals_and_counts(tmp_path: Path):
    async with core(
        tmp_path, max_open_uploads=2, max_parts=3, quota_bytes=10_000, **deeds.BLOBS_ABOVE_1000
    ) as place:
        ann = await deeds.principal(place)
        with pytest.raises(TooLarge):
            await deeds.receive(place, deeds.a_part(ann, b"x", total=10, start=0, max_size=9))
        with pytest.raises(TooLarge):
            await deeds.receive(
                place, deeds.a_part(ann, b"x" * 10, total=99, start=0, max_part_size=9)
            )
        with pytest.raises(QuotaExceeded):
            await deeds.receive(place, deeds.a_part(ann, b"x", total=10_001, start=0))
        for start in range(3):
            await deeds.receive(place, deeds.a_part(ann, b"x", total=100, start=start))
        with pytest.raises(TooMany):
            await deeds.receive(place, deeds.a_part(ann, b"x", total=100, start=3))
        await deeds.receive(place, deeds.a_part(ann, b"x", key="2", total=100, start=0))
        with pytest.raises(TooMany):
            await deeds.receive(place, deeds.a_part(ann, b"x", key="3", total=100, start=0))
        assert await usage(place, ann) == (0, 200, 2)
        assert_books_balance(place, settled=True)


async def test_an_upload_has_its_whole_size_reserved_from_its_first_part(tmp_path: Path):
    async with core(tmp_path, quota_bytes=100) as place:
        ann = await deeds.principal(place)
        await deeds.receive(place, deeds.a_part(ann, b"x" * 10, total=90, start=0))
        assert await usage(place, ann) == (0, 90, 1)
        with pytest.raises(QuotaExceeded):
            await deeds.deposit(place, ann, b"x" * 11)
        await deeds.deposit(place, ann, b"x" * 10)
        done = await deeds.receive(place, deeds.a_part(ann, b"x" * 80, total=90, start=10))
        assert done.complete
        assert await usage(place, ann) == (100, 0, 2)
        assert_books_balance(place, settled=True)


async def test_many_uploads_begun_at_once_never_reserve_more_than_there_is(tmp_path: Path):
    async with core(tmp_path, quota_bytes=1000) as place:
        ann = await deeds.principal(place)
        tried = [deeds.a_part(ann, b"x", key=str(n), total=100, start=0) for n in range(24)]
        outcomes = await asyncio.gather(
            *(deeds.receive(place, each) for each in tried), return_exceptions=True
        )
        assert sum(isinstance(each, QuotaExceeded) for each in outcomes) == 14
        assert await usage(place, ann) == (0, 1000, 10)
        assert_books_balance(place, settled=True)


# -- what is seen ------------------------------------------------------------------------------------


async def test_nothing_of_it_is_seen_before_it_is_whole(place: Core, ann: Principal):
    progress = await deeds.receive(place, deeds.a_part(ann, b"x" * 10, total=20, start=0))
    assert not progress.complete
    assert progress.attachment.received == 10
    with pytest.raises(NotFound):
        await deeds.bytes_of(place, ann, progress.attachment)
    assert (await place.services.listing.detached(ann, Window(limit=9))).items == []


async def test_a_key_is_its_owners_own_unless_it_is_shared(
    place: Core, ann: Principal, bob: Principal, eve: Principal
):
    ids = [
        (await deeds.receive(place, deeds.a_part(each, b"x", total=2, start=0))).attachment.id
        for each in (ann, bob, eve)
    ]
    assert len(set(ids)) == 3
    shared = [
        (await deeds.receive(place, deeds.a_part(each, b"x", total=2, ordinal=n))).attachment.id
        for n, each in enumerate((ann, bob, eve), 1)
    ]
    assert shared[0] == shared[1] != shared[2]


async def test_a_filed_upload_is_claimed_by_the_tree_from_birth(place: Core, ann: Principal):
    for number in range(3):
        filing = Filing(folders=("a", "b"), base="image.png")
        done = await deeds.receive(
            place,
            deeds.a_part(ann, b"x" * 2000, key=str(number), total=2000, ordinal=1, filing=filing),
        )
        assert done.attachment.state is State.CLAIMED
    names = ["image.png", "image-1.png", "image-2.png"]
    for name in names:
        found = await place.services.downloads.find(ann, ByToken(f"a/b/{name}"))
        assert found.capability
    assert_books_balance(place, settled=True)


# -- again -------------------------------------------------------------------------------------------


async def test_a_last_chunk_sent_again_is_told_the_same_attachment(place: Core, ann: Principal):
    parts = chunks(ann, deeds.content(3000), 1500)
    done = await in_turn(place, parts)
    again = await deeds.receive(place, parts[-1])
    assert again.complete
    assert again.attachment.id == done.attachment.id
    assert await usage(place, ann) == (3000, 0, 1)
    assert_books_balance(place, settled=True)


async def test_after_completion_another_chunk_under_the_key_begins_another_upload(
    place: Core, ann: Principal
):
    parts = chunks(ann, deeds.content(3000), 1500)
    done = await in_turn(place, parts)
    other = await deeds.receive(place, parts[0])
    assert not other.complete
    assert other.attachment.id != done.attachment.id
    assert_books_balance(place, settled=True)


async def test_after_a_day_nothing_is_a_repeat_any_more(place: Core, ann: Principal):
    parts = chunks(ann, deeds.content(3000), 1500, lifetime=None)
    done = await in_turn(place, parts)
    place.clock.advance(deeds.DAY / 1000)
    later = await deeds.receive(place, parts[-1])
    assert later.attachment.id != done.attachment.id
    assert not later.complete


@pytest.mark.parametrize("swept", [False, True])
async def test_a_part_for_an_upload_whose_time_is_over_begins_another(
    swept: bool, place: Core, ann: Principal
):
    data = deeds.content(3000)
    first, second = ranges(ann, data, [(0, 1500), (1500, 3000)])
    before = await deeds.receive(place, first)
    place.clock.advance(deeds.DAY / 1000 + (61 if swept else 0))
    if swept:
        await place.services.reaping.sweep()
    after = await deeds.receive(place, second)
    assert after.attachment.id != before.attachment.id
    assert not after.complete
    done = await deeds.receive(place, first)
    assert done.attachment.id == after.attachment.id
    assert await deeds.bytes_of(place, ann, done.attachment) == data
    await deeds.settle(place)
    assert await usage(place, ann) == (3000, 0, 1)
    assert_books_balance(place, settled=True)


async def test_with_a_sliding_window_every_part_gives_more_time(place: Core, ann: Principal):
    parts = chunks(ann, deeds.content(4000), 1000)
    complete = []
    for part in parts:
        place.clock.advance(deeds.DAY / 1000 - 1)
        await place.services.reaping.sweep()
        complete.append((await deeds.receive(place, part)).complete)
    assert complete == [False, False, False, True]


# -- what goes wrong in between ----------------------------------------------------------------------


async def test_a_part_whose_lease_ran_out_can_record_nothing_any_more(place: Core, ann: Principal):
    body = Stalled(deeds.content(3_000_000), 2_000_000, 100_000)
    command = deeds.a_part(ann, body, total=3_000_000, start=0)
    task = asyncio.create_task(deeds.receive(place, command))
    await body.silent.wait()
    place.clock.advance(place.settings.upload_lease + 1)
    await place.services.reaping.sweep()
    body.resume()
    with pytest.raises(Unavailable):
        await task
    assert await usage(place, ann) == (0, 0, 0)
    assert_books_balance(place, settled=True)


async def test_a_part_that_is_swept_after_its_last_byte_leaves_nothing(place: Core, ann: Principal):
    async def place_late(_head: bytes) -> Placement:
        place.clock.advance(place.settings.upload_lease + 1)
        await place.services.reaping.sweep()
        return Placement(key="k", total=6000, start=0)

    with pytest.raises(Unavailable):
        await deeds.receive(
            place, deeds.a_part(ann, deeds.content(3000), total=6000, start=0, place=place_late)
        )
    assert await usage(place, ann) == (0, 0, 0)
    assert_books_balance(place, settled=True)


async def test_after_a_restart_the_rest_of_the_parts_complete_it(tmp_path: Path):
    data = deeds.content(9000)
    wanted = hashlib.sha3_256(data).hexdigest()
    async with core(tmp_path, **deeds.BLOBS_ABOVE_1000) as place:
        ann, token = await deeds.principal(place), await place.key()
        await in_turn(place, ranges(ann, data, [(4000, 9000), (0, 2000)]))
    async with core(tmp_path, **deeds.BLOBS_ABOVE_1000) as place:
        ann = await place.services.keys.authenticate(token)
        done = await in_turn(place, ranges(ann, data, [(1000, 5000)]))
        assert done.attachment.digests[SHA3_256] == wanted
        assert_books_balance(place, settled=True)


async def test_running_digests_are_those_of_the_content_whatever_was_forgotten_on_the_way(
    place: Core, ann: Principal
):
    running = place.services.running
    for seed in range(12):
        dice = random.Random(seed)
        data = deeds.content(400_000, seed)
        edges = sorted({0, len(data), *dice.sample(range(len(data)), 5)})
        cuts = list(itertools.pairwise(edges))
        dice.shuffle(cuts)
        *earlier, last = ranges(ann, data, cuts, key=str(seed))
        for part in earlier:
            progress = await deeds.receive(place, part)
            for _ in range(dice.randint(0, 8)):
                await asyncio.sleep(0)
            if dice.random() < 0.4:
                running.forget(progress.attachment.id)
        done = await deeds.receive(place, last)
        assert done.attachment.digests[SHA3_256] == hashlib.sha3_256(data).hexdigest()
    assert_books_balance(place, settled=True)


async def test_a_hash_that_is_cancelled_half_way_does_not_count_its_bytes_twice(
    place: Core, ann: Principal
):
    """The thread of a cancelled hash goes on; whoever takes the state over begins anew."""
    data = deeds.content(900_000)
    first, second = ranges(ann, data, [(0, 600_000), (600_000, 900_000)])
    begun = await deeds.receive(place, first)
    running = place.services.running
    async with place.services.transactions.read() as facts:
        parts = await facts.attachments.parts(begun.attachment.id)
    for wait in range(1, 40):
        run = running._run(begun.attachment.id, {SHA3_256})
        if run.task:
            await asyncio.wait((run.task,))
        run.start_over()
        await cancelled_at(running._hash(run, parts, 600_000), wait)
        whole = await running.whole(begun.attachment, parts, {SHA3_256})
        assert whole[SHA3_256] == hashlib.sha3_256(data[:600_000]).hexdigest()
    done = await deeds.receive(place, second)
    assert_books_balance(place, settled=True)
    assert done.complete


async def test_a_large_upload_that_nobody_needs_a_digest_of_gets_it_from_a_sweep(
    place: Core, ann: Principal, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("coatcheck.services.running_digests.PATIENCE", 1000)
    data = deeds.content(6000)
    parts = chunks(ann, data, 3000)
    await deeds.receive(place, parts[0])
    place.services.running.forget(1)
    done = await deeds.receive(place, parts[1])
    assert done.attachment.digests == {}
    assert (await place.services.reaping.sweep()).digests == 1
    found = await place.services.downloads.find(ann, ById(done.attachment.id))
    assert found.digests == {"sha256": hashlib.sha256(data).hexdigest()}
    assert (await place.services.reaping.sweep()).digests == 0
    # By another digest it is found as soon as somebody asks for it.
    assert await deeds.bytes_of(place, ann, deeds.by_sha3(data)) == data
    assert_books_balance(place, settled=True)
