"""Deposits that wait at the same moment are recorded in one transaction, and each is answered for itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncTransaction

from coatcheck.domain.container import ContainerRef
from coatcheck.domain.errors import (
    NotFound,
    OutcomeUnknown,
    QuotaExceeded,
    StorageFull,
    Unavailable,
)
from coatcheck.domain.principal import Principal
from coatcheck.repositories.transactions import Facts, Transactions
from coatcheck.services.ports import Facts as FactsPort
from tests import deeds
from tests.books import assert_books_balance
from tests.core import Core, core


@contextmanager
def counted_transactions() -> Iterator[list[int]]:
    """Adds to the list with every writing transaction."""
    seen: list[int] = []
    real = Transactions.write

    @asynccontextmanager
    async def write(self: Transactions) -> AsyncIterator[Facts]:
        seen.append(1)
        async with real(self) as facts:
            yield facts

    with mock.patch.object(Transactions, "write", write):
        yield seen


@contextmanager
def failing_commits(error: Exception, *, after: bool, times: int) -> Iterator[list[int]]:
    """The next commits raise `error`, before they are made or `after`."""
    fired: list[int] = []
    real = AsyncTransaction.commit

    async def commit(self: AsyncTransaction) -> None:
        if len(fired) >= times:
            return await real(self)
        fired.append(1)
        if after:
            await real(self)
        raise error

    with mock.patch.object(AsyncTransaction, "commit", commit):
        yield fired


def lost() -> OperationalError:
    return OperationalError("COMMIT", {}, Exception("connection lost"))


async def together(place: Core, caller: Principal, count: int, **fields: Any) -> list[Any]:
    tried = (deeds.deposit(place, caller, deeds.content(10, n), **fields) for n in range(count))
    return await asyncio.gather(*tried, return_exceptions=True)


async def usage(place: Core, caller: Principal) -> tuple[int, int, int]:
    found = (await place.services.listing.holdings(caller)).usage
    return found.used, found.reserved, found.attachments


async def test_deposits_that_wait_together_take_fewer_transactions_than_they_are(
    place: Core, ann: Principal
):
    with counted_transactions() as seen:
        made = await together(place, ann, 60)
    assert len({each.id for each in made}) == 60
    assert len(seen) < 10
    assert await usage(place, ann) == (600, 0, 60)
    assert_books_balance(place, settled=True)


async def test_each_is_told_its_own_attachment(place: Core, ann: Principal):
    made = await together(place, ann, 40)
    for n, each in enumerate(made):
        assert await deeds.bytes_of(place, ann, each) == deeds.content(10, n)


async def test_one_that_is_refused_does_not_fail_the_others(tmp_path: Path):
    async with core(tmp_path, quota_bytes=50) as place:
        ann, bob = await deeds.principal(place), await deeds.principal(place, login="bob")
        outcomes = await asyncio.gather(
            together(place, ann, 8), together(place, bob, 5), together(place, bob, 1)
        )
        assert sum(isinstance(each, QuotaExceeded) for each in outcomes[0]) == 3
        refused = [each for each in outcomes[1] + outcomes[2] if isinstance(each, Exception)]
        assert len(refused) == 1
        assert await usage(place, ann) == await usage(place, bob) == (50, 0, 5)
        assert_books_balance(place, settled=True)


async def test_one_that_goes_nowhere_does_not_fail_the_others(place: Core, ann: Principal):
    nowhere = ContainerRef("issue", "nowhere")
    outcomes = await asyncio.gather(
        together(place, ann, 3),
        together(place, ann, 1, into=nowhere, lifetime=None),
        together(place, ann, 3),
    )
    assert [type(each).__name__ for group in outcomes for each in group].count("Attachment") >= 6
    assert_books_balance(place, settled=True)


async def test_one_that_the_database_refuses_does_not_fail_the_others(place: Core, ann: Principal):
    """Here: an owner that it does not know."""
    nobody = replace(ann, id=999)
    outcomes = await asyncio.gather(
        together(place, ann, 3), together(place, nobody, 1), together(place, ann, 3)
    )
    assert all(not isinstance(each, Exception) for each in outcomes[0] + outcomes[2])
    assert isinstance(outcomes[1][0], Exception)
    assert_books_balance(place, settled=True)


async def test_one_whose_row_breaks_a_rule_of_the_database_fails_alone(place: Core, ann: Principal):
    with mock.patch("coatcheck.services.uploads.new_public_id", return_value="x" * 16):
        outcomes = await together(place, ann, 3)
    assert [type(each).__name__ for each in outcomes] == [
        "Attachment",
        "IntegrityError",
        "IntegrityError",
    ]
    assert_books_balance(place, settled=True)


@pytest.mark.parametrize("size", [10, deeds.LARGE])
async def test_when_the_commit_fails_before_it_is_made_all_fail_and_nothing_is_left(
    size: int, place: Core, ann: Principal
):
    async def one(n: int) -> object:
        return await deeds.deposit(place, ann, deeds.content(size, n), size=size)

    if size > 1000:  # the intents are begun in peace
        await one(0)
    before = await usage(place, ann)
    with failing_commits(lost(), after=False, times=50):
        outcomes = await asyncio.gather(*(one(n) for n in range(6)), return_exceptions=True)
    assert all(isinstance(each, Unavailable) for each in outcomes)
    assert_books_balance(place)
    await deeds.settle(place)
    assert await usage(place, ann) == before
    assert_books_balance(place, settled=True)


@pytest.mark.parametrize("size", [10, deeds.LARGE])
@pytest.mark.parametrize("commit", range(1, 6))
async def test_when_a_commit_reports_failure_but_was_made_nothing_is_lost_and_nothing_is_left(
    size: int, commit: int, place: Core, ann: Principal
):
    """Whichever commit of a deposit it is: reserving, recording, giving up."""
    real = AsyncTransaction.commit
    count = 0

    async def nth(self: AsyncTransaction) -> None:
        nonlocal count
        count += 1
        await real(self)
        if count == commit:
            raise lost()

    with mock.patch.object(AsyncTransaction, "commit", nth):
        try:
            made = await deeds.deposit(place, ann, deeds.content(size), size=size)
        except Unavailable:
            made = None
    assert_books_balance(place)
    if made:
        assert await deeds.bytes_of(place, ann, made) == deeds.content(size)
    await deeds.settle(place)
    assert await usage(place, ann) == ((size, 0, 1) if made else (0, 0, 0))
    assert_books_balance(place, settled=True)


async def test_a_small_deposit_whose_commit_was_made_after_all_is_answered_as_made(
    place: Core, ann: Principal
):
    with failing_commits(lost(), after=True, times=1) as fired:
        made = await deeds.deposit(place, ann, b"small")
    assert fired
    assert await deeds.bytes_of(place, ann, made) == b"small"
    assert_books_balance(place, settled=True)


async def test_a_commit_that_was_not_made_is_an_unknown_outcome(place: Core, ann: Principal):
    with failing_commits(lost(), after=False, times=1), pytest.raises(OutcomeUnknown):
        await deeds.deposit(place, ann, b"small")
    assert_books_balance(place, settled=True)


async def test_a_full_disk_at_the_commit_is_a_full_disk(place: Core, ann: Principal):
    full = OperationalError("COMMIT", {}, Exception("database or disk is full"))
    with failing_commits(full, after=False, times=1), pytest.raises(StorageFull):
        await deeds.deposit(place, ann, b"small")
    assert_books_balance(place, settled=True)


async def test_a_part_whose_commit_was_made_after_all_can_be_sent_again(
    place: Core, ann: Principal
):
    data = deeds.content(deeds.LARGE)
    half = deeds.LARGE // 2
    await deeds.receive(place, deeds.a_part(ann, data[:half], total=deeds.LARGE, start=0))
    part = deeds.a_part(ann, data[half:], total=deeds.LARGE, start=half)
    real = AsyncTransaction.commit
    for commit in range(1, 5):
        count = 0

        async def nth(self: AsyncTransaction, commit: int = commit) -> None:
            nonlocal count
            count += 1
            await real(self)
            if count == commit:
                raise lost()

        with mock.patch.object(AsyncTransaction, "commit", nth):
            try:
                await deeds.receive(place, part)
            except Unavailable:
                assert_books_balance(place)
    done = await deeds.receive(place, part)
    assert done.complete
    assert await deeds.bytes_of(place, ann, done.attachment) == data
    await deeds.settle(place)
    assert_books_balance(place, settled=True)


async def test_the_recorder_goes_on_after_a_failure(place: Core, ann: Principal):
    with failing_commits(lost(), after=False, times=2):
        await together(place, ann, 20)
    assert all(not isinstance(each, Exception) for each in await together(place, ann, 20))
    assert_books_balance(place, settled=True)


async def test_when_the_facts_themselves_fail_every_deposit_of_the_batch_is_told(
    place: Core, ann: Principal
):
    @asynccontextmanager
    async def write(self: Transactions) -> AsyncIterator[FactsPort]:
        raise Unavailable
        yield  # type: ignore[unreachable]

    with mock.patch.object(Transactions, "write", write):
        outcomes = await together(place, ann, 20)
    assert all(isinstance(each, Unavailable) for each in outcomes)
    assert_books_balance(place, settled=True)


async def test_deposits_of_one_name_at_once_are_filed_under_different_tokens(
    place: Core, ann: Principal, eve: Principal
):
    def wish(caller: Principal) -> Any:
        return [deeds.file_away(place, caller, b"x", "a/b/image.png") for _ in range(16)]

    made = await asyncio.gather(*wish(ann), *wish(eve))
    expected = ["a/b/image.png", *(f"a/b/image-{n}.png" for n in range(1, 16))]
    for caller in (ann, eve):
        mine = [each.token or "" for each in made if each.tenant_id == caller.tenant_id]
        assert sorted(mine) == sorted(expected)
        folders = await place.services.folders.all(caller)
        assert [each.path for each in folders] == [("a",), ("a", "b")]
    assert_books_balance(place, settled=True)


async def test_into_a_container_that_is_deleted_nothing_is_deposited(place: Core, ann: Principal):
    held = await deeds.post(place, ann)
    await place.services.containers.delete(deeds.removal(ann, held.ref))
    with pytest.raises(NotFound):
        await deeds.deposit(place, ann, b"late", into=held.ref, lifetime=None)
    assert_books_balance(place, settled=True)
