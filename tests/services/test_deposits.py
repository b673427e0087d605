"""Deposits: whole attachments in one request, small ones in their row and large ones in a blob."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterable, Awaitable, Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from coatcheck.blobs.base import BlobKey, BlobStore
from coatcheck.domain.claim import ById, ByPublicId
from coatcheck.domain.digest import MD5, SHA3_256, Digest
from coatcheck.domain.errors import (
    BadName,
    DigestMismatch,
    Incomplete,
    NotFound,
    QuotaExceeded,
    TooLarge,
    Unavailable,
)
from coatcheck.domain.lifecycle import State
from coatcheck.domain.principal import Principal
from coatcheck.services.commands import Description
from coatcheck.testing.bodies import Cut, Stalled, Whole
from coatcheck.testing.content import listed
from coatcheck.testing.faulty import FaultyBlobStore
from tests import deeds
from tests.books import assert_books_balance
from tests.core import Core, core

SIZES = [0, 1, 999, 1000, 1001, deeds.LARGE, 2_500_000]


async def usage(place: Core, caller: Principal) -> tuple[int, int, int]:
    found = (await place.services.listing.holdings(caller)).usage
    return found.used, found.reserved, found.attachments


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("announced", [True, False])
async def test_what_was_deposited_is_what_is_read(
    size: int, announced: bool, place: Core, ann: Principal
):
    data = deeds.content(size)
    made = await deeds.deposit(place, ann, data, size=size if announced else None)
    assert (made.state, made.size, made.received) == (State.DETACHED, size, size)
    assert made.digests["sha256"] == hashlib.sha256(data).hexdigest()
    assert await deeds.bytes_of(place, ann, made) == data
    assert await usage(place, ann) == (size, 0, 1)
    assert_books_balance(place, settled=True)


@pytest.mark.parametrize("size", SIZES)
async def test_it_outlives_the_process(size: int, tmp_path: Path):
    data = deeds.content(size)
    async with core(tmp_path, **deeds.BLOBS_ABOVE_1000) as place:
        made = await deeds.deposit(place, await deeds.principal(place), data)
        token = await place.key()
    async with core(tmp_path, **deeds.BLOBS_ABOVE_1000) as place:
        ann = await place.services.keys.authenticate(token)
        assert await deeds.bytes_of(place, ann, made) == data
    assert_books_balance(tmp_path, settled=True)


async def test_small_ones_are_kept_in_their_row_and_large_ones_in_a_blob(
    place: Core, ann: Principal
):
    small = await deeds.deposit(place, ann, deeds.content(1000))
    large = await deeds.deposit(place, ann, deeds.content(1001))
    async with place.services.transactions.read() as facts:
        assert (await facts.attachments.parts(small.id))[0].blob_key is None
        key = (await facts.attachments.parts(large.id))[0].blob_key
    stored = place.services.blobs.keys()
    assert [each async for each in stored] == [key]


async def test_the_digests_asked_for_are_taken_on_the_way_in(place: Core, ann: Principal):
    data = deeds.content(deeds.LARGE)
    made = await deeds.deposit(place, ann, data, digests=frozenset({SHA3_256, MD5}))
    assert made.digests == {
        name: hashlib.new(name, data).hexdigest() for name in ("sha256", "sha3_256", "md5")
    }


@pytest.mark.parametrize("size", [500, deeds.LARGE])
@pytest.mark.parametrize("after", [0, 1, 250, 499])
async def test_a_body_that_was_cut_leaves_nothing(
    size: int, after: int, place: Core, ann: Principal
):
    with pytest.raises(Incomplete):
        await deeds.deposit(place, ann, Cut(deeds.content(size), after * size // 500, 100))
    assert await usage(place, ann) == (0, 0, 0)
    assert_books_balance(place, settled=True)


async def test_of_one_who_hangs_up_the_intent_is_written_and_removed_and_no_more(
    place: Core, ann: Principal
):
    """Thousands may at once."""
    body = Cut(deeds.content(deeds.LARGE), deeds.LARGE - 1, 100)
    transactions = place.services.transactions
    with (
        mock.patch.object(transactions, "write", wraps=transactions.write) as write,
        pytest.raises(Incomplete),
    ):
        await deeds.deposit(place, ann, body, size=deeds.LARGE)
    assert write.call_count == 2
    assert_books_balance(place, settled=True)


@pytest.mark.parametrize("size", [500, deeds.LARGE])
@pytest.mark.parametrize("said", [-1, 1])
async def test_a_body_of_another_size_than_announced_leaves_nothing(
    size: int, said: int, place: Core, ann: Principal
):
    with pytest.raises(Incomplete):
        await deeds.deposit(place, ann, deeds.content(size), size=size + said)
    assert await usage(place, ann) == (0, 0, 0)
    assert_books_balance(place, settled=True)


@pytest.mark.parametrize("size", [101, 2000, 2_000_000])
@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_above_the_limit_leaves_nothing(
    size: int, announced: bool, place: Core, ann: Principal
):
    body = Whole(deeds.content(size), 64)
    with pytest.raises(TooLarge):
        await deeds.deposit(place, ann, body, size=size if announced else None, max_size=100)
    assert await usage(place, ann) == (0, 0, 0)
    assert_books_balance(place, settled=True)


@pytest.mark.parametrize("size", [500, deeds.LARGE])
async def test_a_body_that_is_exactly_the_limit_fits(size: int, place: Core, ann: Principal):
    await deeds.deposit(place, ann, deeds.content(size), max_size=size)


async def test_an_announced_body_above_the_limit_is_not_even_read(place: Core, ann: Principal):
    body = Stalled(b"x" * 101, 0)
    with pytest.raises(TooLarge):
        await deeds.deposit(place, ann, body, size=101, max_size=100)
    assert not body.silent.is_set()


@pytest.mark.parametrize("size", [500, deeds.LARGE])
async def test_bytes_with_another_digest_than_announced_leave_nothing(
    size: int, place: Core, ann: Principal
):
    data = deeds.content(size)
    right = Digest("sha512", hashlib.sha512(data).hexdigest())
    wrong = Digest("sha512", hashlib.sha512(b"other").hexdigest())
    with pytest.raises(DigestMismatch):
        await deeds.deposit(place, ann, data, expected=(right, wrong))
    assert_books_balance(place, settled=True)
    assert "sha512" not in (await deeds.deposit(place, ann, data, expected=(right,))).digests


@pytest.mark.parametrize("size", [500, deeds.LARGE])
async def test_what_the_describer_refuses_leaves_nothing(size: int, place: Core, ann: Principal):
    async def describe(head: bytes) -> Description:
        assert head == deeds.content(size)[:4096]
        raise BadName

    with pytest.raises(BadName):
        await deeds.deposit(place, ann, deeds.content(size), describe=describe)
    assert await usage(place, ann) == (0, 0, 0)
    assert_books_balance(place, settled=True)


@pytest.mark.parametrize("piece", [1, 999, 1000, 1001, 5000])
async def test_the_head_is_the_first_bytes_in_whatever_pieces_they_came(
    piece: int, place: Core, ann: Principal
):
    seen = []

    async def describe(head: bytes) -> Description:
        seen.append(head)
        return Description(name=None, media_type="text/plain")

    data = deeds.content(9000)
    await deeds.deposit(place, ann, Whole(data, piece), describe=describe)
    assert seen == [data[:4096]]


# -- quota -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [500, deeds.LARGE])
@pytest.mark.parametrize("announced", [True, False])
async def test_the_quota_may_be_filled_to_the_last_byte_and_no_further(
    size: int, announced: bool, tmp_path: Path
):
    async with core(tmp_path, quota_bytes=2 * size, **deeds.BLOBS_ABOVE_1000) as place:
        ann = await deeds.principal(place)
        for seed in range(2):
            said = size if announced else None
            await deeds.deposit(place, ann, deeds.content(size, seed), size=said)
        assert await usage(place, ann) == (2 * size, 0, 2)
        with pytest.raises(QuotaExceeded):
            await deeds.deposit(place, ann, b"x")
        assert await usage(place, ann) == (2 * size, 0, 2)
        await deeds.deposit(place, ann, b"")
        # Another owner has a quota of its own.
        await deeds.deposit(place, await deeds.principal(place, login="bob"), b"x" * size)
    assert_books_balance(tmp_path, settled=True)


@pytest.mark.parametrize("announced", [True, False])
async def test_above_the_quota_nothing_is_stored(announced: bool, tmp_path: Path):
    async with core(tmp_path, quota_bytes=50_000, **deeds.BLOBS_ABOVE_1000) as place:
        ann = await deeds.principal(place)
        data = deeds.content(50_001)
        with pytest.raises(QuotaExceeded):
            await deeds.deposit(place, ann, data, size=len(data) if announced else None)
        assert await usage(place, ann) == (0, 0, 0)
        assert_books_balance(place, settled=True)


@pytest.mark.parametrize("size", [10, 1010])
async def test_of_many_at_once_exactly_those_that_fit_are_kept(size: int, tmp_path: Path):
    async with core(tmp_path, quota_bytes=10 * size, **deeds.BLOBS_ABOVE_1000) as place:
        ann = await deeds.principal(place)
        tried = [
            deeds.deposit(place, ann, deeds.content(size, seed), size=size) for seed in range(24)
        ]
        outcomes = await asyncio.gather(*tried, return_exceptions=True)
        kept = [each for each in outcomes if not isinstance(each, BaseException)]
        assert len(kept) == 10
        assert all(isinstance(each, QuotaExceeded) for each in outcomes if each not in kept)
        assert await usage(place, ann) == (10 * size, 0, 10)
        assert_books_balance(place, settled=True)


@pytest.mark.parametrize("size", [10, 1010])
async def test_of_many_at_once_exactly_as_many_as_allowed_are_kept(size: int, tmp_path: Path):
    async with core(tmp_path, quota_count=7, **deeds.BLOBS_ABOVE_1000) as place:
        ann = await deeds.principal(place)
        tried = [deeds.deposit(place, ann, deeds.content(size, seed)) for seed in range(12)]
        outcomes = await asyncio.gather(*tried, return_exceptions=True)
        assert sum(isinstance(each, QuotaExceeded) for each in outcomes) == 5
        assert await usage(place, ann) == (7 * size, 0, 7)
        assert_books_balance(place, settled=True)


async def test_a_deleted_one_makes_room_at_once(tmp_path: Path):
    async with core(tmp_path, quota_bytes=deeds.LARGE, **deeds.BLOBS_ABOVE_1000) as place:
        ann = await deeds.principal(place)
        made = await deeds.deposit(place, ann, deeds.content(deeds.LARGE))
        await place.services.deleting.delete(ann, ById(made.id), [State.DETACHED])
        await deeds.deposit(place, ann, deeds.content(deeds.LARGE, 1))
        assert_books_balance(place, settled=True)


# -- leases ------------------------------------------------------------------------------------------


async def stalled_deposit(place: Core, ann: Principal) -> tuple[Stalled, asyncio.Task[object]]:
    """One that has stored something and waits for more."""
    body = Stalled(deeds.content(3_000_000), 2_000_000, 100_000)
    task: asyncio.Task[object] = asyncio.create_task(deeds.deposit(place, ann, body))
    await body.silent.wait()
    return body, task


async def test_while_bytes_come_no_sweep_takes_them(place: Core, ann: Principal):
    body, task = await stalled_deposit(place, ann)
    place.clock.advance(place.settings.upload_lease - 1)
    assert not (await place.services.reaping.sweep()).intents
    body.resume()
    await task
    assert_books_balance(place, settled=True)


async def test_one_whose_lease_ran_out_is_swept_and_can_record_nothing_any_more(
    place: Core, ann: Principal
):
    body, task = await stalled_deposit(place, ann)
    place.clock.advance(place.settings.upload_lease + 1)
    assert len((await place.services.reaping.sweep()).intents) == 1
    assert (await usage(place, ann))[1] == 0
    body.resume()
    with pytest.raises(Unavailable):
        await task
    assert await usage(place, ann) == (0, 0, 0)
    assert_books_balance(place, settled=True)


async def test_one_that_is_swept_after_its_last_byte_leaves_nothing_either(
    place: Core, ann: Principal
):
    """The blob comes to its name when the sweep has already looked for it there."""

    async def describe(_head: bytes) -> Description:
        place.clock.advance(place.settings.upload_lease + 1)
        await place.services.reaping.sweep()
        # As if the sweep had come between the last look at the lease and the rename.
        await place.services.blobs.put(key, Whole(data))
        return Description(name=None, media_type="text/plain")

    data = deeds.content(deeds.LARGE)
    other = await deeds.deposit(place, ann, deeds.content(deeds.LARGE, 1), size=deeds.LARGE)
    task = asyncio.create_task(deeds.deposit(place, ann, data, size=len(data), describe=describe))
    while not (intents := await _intents(place)):
        await asyncio.sleep(0)
    key = BlobKey(intents[0])
    with pytest.raises(Unavailable):
        await task
    assert await usage(place, ann) == (other.size, 0, 1)
    assert_books_balance(place, settled=True)


async def _intents(place: Core) -> list[str]:
    async with place.services.transactions.read() as facts:
        return [each.blob_key for each in await facts.intents.overdue(10**15, 10)]


async def test_what_comes_too_late_goes_also_where_it_cannot_be_deleted_at_once(
    tmp_path: Path,
):
    class Slow(FaultyBlobStore):
        """The bytes are with it, and it takes its time."""

        async def put(self, key: BlobKey, data: Any) -> int:
            size = await super().put(key, _then(data, sweep))
            self.arm("delete", 1, Unavailable(retry_after=5))
            return size

    async def sweep() -> None:
        place.clock.advance(place.settings.upload_lease + 1)
        assert len((await place.services.reaping.sweep()).intents) == 1

    def wrap(store: BlobStore) -> BlobStore:
        return Slow(store, "put", 0, EOFError())

    async with core(tmp_path, wrap_blobs=wrap, **deeds.BLOBS_ABOVE_1000) as place:
        with pytest.raises(Unavailable, match="longer than its lease"):
            await deeds.deposit(place, await deeds.principal(place), deeds.content(2000))
        assert len(await listed(place.services.blobs)) == 1
        place.clock.advance(place.settings.upload_lease + 1)
        await place.services.reaping.sweep()
        assert await listed(place.services.blobs) == []
        assert_books_balance(place, settled=True)


async def test_what_a_store_behind_a_network_does_long_after_it_was_given_up_is_found(
    tmp_path: Path,
):
    class Late(FaultyBlobStore):
        async def put(self, key: BlobKey, data: Any) -> int:
            sent.append((key, b"".join([piece async for piece in data])))
            raise Unavailable(retry_after=5)

        async def check(self) -> None:
            pass

        async def close(self) -> None:
            pass

    sent: list[tuple[BlobKey, bytes]] = []
    stores: list[BlobStore] = []

    def wrap(store: BlobStore) -> BlobStore:
        stores.append(store)
        return Late(store, "put", 0, EOFError())

    async with core(tmp_path, wrap_blobs=wrap, **deeds.BLOBS_ABOVE_1000) as place:
        ann = await deeds.principal(place)
        with pytest.raises(Unavailable):
            await deeds.deposit(place, ann, deeds.content(2000))
        assert await usage(place, ann) == (0, 0, 0)
        ((key, data),) = sent
        await stores[0].put(key, Whole(data))
        place.clock.advance(place.settings.upload_lease + 1)
        await place.services.reaping.sweep()
        assert await listed(stores[0]) == []
        assert_books_balance(place, settled=True)


async def _then(data: AsyncIterable[bytes], what: Callable[[], Awaitable[None]]) -> Any:
    async for piece in data:
        yield piece
    await what()


async def test_a_slow_sender_keeps_its_lease_although_no_batch_is_full(place: Core, ann: Principal):
    class Slow(Whole):
        async def __aiter__(self):
            async for piece in super().__aiter__():
                place.clock.advance(place.settings.upload_lease * 0.6)
                await place.services.reaping.sweep()
                yield piece

    made = await deeds.deposit(place, ann, Slow(deeds.content(5000), 1001))
    assert await deeds.bytes_of(place, ann, made) == deeds.content(5000)
    assert_books_balance(place, settled=True)


# -- a store that fails ------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("op", ["put", "delete"])
async def test_when_the_store_fails_the_deposit_fails_and_nothing_is_left(
    op: str, after: bool, tmp_path: Path
):
    broken: list[FaultyBlobStore] = []

    def wrap(store: BlobStore) -> BlobStore:
        broken.append(FaultyBlobStore(store, op, 1, Unavailable(), after=after))  # type: ignore[arg-type]
        return broken[0]

    async with core(tmp_path, wrap_blobs=wrap, **deeds.BLOBS_ABOVE_1000) as place:
        ann = await deeds.principal(place)
        body = Cut(deeds.content(deeds.LARGE), 2000) if op == "delete" else b"x" * deeds.LARGE
        with pytest.raises(Unavailable if op == "put" else Incomplete):
            await deeds.deposit(place, ann, body)
        assert broken[0].fired
        assert_books_balance(place)
        await deeds.settle(place)
        assert await usage(place, ann) == (0, 0, 0)
        assert_books_balance(place, settled=True)


async def test_nobody_else_sees_a_detached_one(
    place: Core, ann: Principal, bob: Principal, eve: Principal
):
    made = await deeds.deposit(place, ann, b"mine", digests=frozenset({SHA3_256}))
    for other in (bob, eve):
        for reference in (
            ById(made.id),
            ByPublicId(made.public_id),
            deeds.by_sha3(b"mine"),
        ):
            with pytest.raises(NotFound):
                await place.services.downloads.find(other, reference)


async def test_it_cannot_be_read_from_the_moment_it_expires(place: Core, ann: Principal):
    made = await deeds.deposit(place, ann, b"x", lifetime=1000)
    place.clock.advance(milliseconds=999)
    assert await deeds.bytes_of(place, ann, made) == b"x"
    place.clock.advance(milliseconds=1)
    with pytest.raises(NotFound):
        await deeds.bytes_of(place, ann, made)


async def test_of_the_same_content_only_the_newest_detached_one_is_kept_where_that_is_wanted(
    place: Core, ann: Principal, bob: Principal
):
    wish = {"digests": frozenset({SHA3_256}), "supersede": True}
    first = await deeds.deposit(place, ann, b"same", **wish)
    claimed = await deeds.deposit(place, ann, b"same2", **wish)
    await deeds.post(place, ann, claimed)
    others = await deeds.deposit(place, bob, b"same", **wish)
    second = await deeds.deposit(place, ann, b"same", **wish)
    await deeds.deposit(place, ann, b"same2", **wish)
    with pytest.raises(NotFound):
        await deeds.bytes_of(place, ann, first)
    for caller, each in ((ann, second), (bob, others)):
        assert await deeds.bytes_of(place, caller, each) == b"same"
    assert await deeds.bytes_of(place, ann, claimed) == b"same2"
    await deeds.settle(place)
    assert_books_balance(place, settled=True)
