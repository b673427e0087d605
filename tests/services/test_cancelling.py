"""A client that hangs up cancels its request, at whatever point: what it asked for is done whole, or not at all."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from coatcheck.domain.claim import ById
from coatcheck.domain.errors import NotFound
from coatcheck.domain.lifecycle import State
from coatcheck.domain.principal import Principal
from coatcheck.testing.bodies import Whole
from tests import deeds
from tests.books import assert_books_balance, discrepancies
from tests.cancelling import cancelled_at
from tests.core import Core, core

#: More waits than any of these has; a test that reaches it would run for ever.
MANY = 2000


async def at_every_wait(
    work: Callable[[int], Coroutine[Any, Any, object]], check: Callable[[int], Awaitable[None]]
) -> int:
    """Do the work again and again, cancelled at its first wait, its second, …, until it comes through."""
    for wait in range(1, MANY):
        _, reached = await cancelled_at(work(wait), wait)
        await check(wait)
        if not reached:
            return wait
    raise AssertionError("it does not end")


async def quiet(place: Core) -> None:
    """What goes on behind a cancelled request has ended when no writer is at work."""
    async with place.services.transactions.write():
        pass


@pytest.mark.parametrize(
    ("size", "announced"), [(500, False), (2_300_000, False), (2_300_000, True)]
)
async def test_a_deposit_cancelled_anywhere_is_recorded_and_readable_or_leaves_nothing(
    size: int, announced: bool, place: Core, ann: Principal
):
    data = deeds.content(size)

    async def check(_wait: int) -> None:
        await quiet(place)
        assert_books_balance(place, settled=True)  # at once, without a sweep

    waits = await at_every_wait(
        lambda _wait: deeds.deposit(
            place, ann, Whole(data, 300_000), size=size if announced else None
        ),
        check,
    )
    assert waits > 1


async def test_a_deposit_cancelled_twice_leaves_nothing_that_a_sweep_does_not_find(
    place: Core, ann: Principal
):
    data = deeds.content(1_200_000)
    dice = random.Random(1)
    for _ in range(60):
        first = dice.randint(1, 60)
        second = first + dice.randint(1, 10)
        await cancelled_at(deeds.deposit(place, ann, Whole(data, 300_000)), first, second)
    await quiet(place)
    assert_books_balance(place)
    await deeds.settle(place)
    assert_books_balance(place, settled=True)


@pytest.mark.parametrize("size", [500, 1500])
async def test_a_last_part_cancelled_anywhere_is_there_or_can_be_sent_again(
    size: int, place: Core, ann: Principal
):
    first, second = deeds.content(size, 1), deeds.content(size, 2)

    def upload(wait: int) -> Coroutine[Any, Any, object]:
        return deeds.receive(
            place, deeds.a_part(ann, second, key=str(wait), total=2 * size, start=size)
        )

    async def begin(wait: int) -> None:
        await deeds.receive(place, deeds.a_part(ann, first, key=str(wait), total=2 * size, start=0))

    async def check(wait: int) -> None:
        await quiet(place)
        assert_books_balance(place, settled=True)
        again = await deeds.receive(
            place, deeds.a_part(ann, second, key=str(wait), total=2 * size, start=size)
        )
        assert await deeds.bytes_of(place, ann, again.attachment) == first + second
        assert_books_balance(place, settled=True)
        await begin(wait + 1)

    await begin(1)
    assert await at_every_wait(upload, check) > 1


async def test_a_claim_cancelled_anywhere_took_all_or_nothing(place: Core, ann: Principal):
    made = [await deeds.deposit(place, ann, deeds.content(1500, n)) for n in range(2)]

    async def check(_wait: int) -> None:
        await quiet(place)
        assert_books_balance(place, settled=True)
        states = {(await place.services.downloads.find(ann, ById(each.id))).state for each in made}
        assert len(states) == 1
        if states == {State.CLAIMED}:
            made[:] = [await deeds.deposit(place, ann, deeds.content(1500, n)) for n in range(2)]

    assert (
        await at_every_wait(lambda _wait: deeds.post(place, ann, *made, exclusive=True), check)
        < MANY
    )


async def test_a_delete_cancelled_anywhere_is_done_or_not_and_a_sweep_ends_it(tmp_path: Path):
    async with core(tmp_path, **deeds.BLOBS_ABOVE_1000) as place:
        ann = await deeds.principal(place)
        made = [await deeds.deposit(place, ann, deeds.content(1500))]

        async def check(_wait: int) -> None:
            await quiet(place)
            assert_books_balance(place)
            try:
                assert len(await deeds.bytes_of(place, ann, made[0])) == 1500
            except NotFound:
                made[0] = await deeds.deposit(place, ann, deeds.content(1500))

        await at_every_wait(
            lambda _wait: place.services.deleting.delete(ann, ById(made[0].id), [State.DETACHED]),
            check,
        )
        await deeds.settle(place)
        assert_books_balance(place, settled=True)


async def test_a_sweep_cancelled_anywhere_is_taken_up_by_the_next(place: Core, ann: Principal):
    for seed in range(3):
        await deeds.deposit(place, ann, deeds.content(1500, seed), lifetime=1000)

    async def check(_wait: int) -> None:
        await quiet(place)
        assert_books_balance(place)
        await deeds.deposit(place, ann, deeds.content(1500), lifetime=1000)
        place.clock.advance(100)

    await at_every_wait(lambda _wait: place.services.reaping.sweep(), check)
    await deeds.settle(place)
    assert_books_balance(place, settled=True)
    found = await place.services.listing.holdings(ann)
    assert (found.usage.used, found.usage.attachments) == (0, 0)


async def test_a_transaction_cancelled_anywhere_frees_its_connection_and_its_lock(
    place: Core, ann: Principal
):
    async def write() -> None:
        async with place.services.transactions.write() as facts:
            await facts.quotas.reserve(ann.id, 1)
            await facts.quotas.reserve(ann.id, 1)

    async def check(_wait: int) -> None:
        async with place.services.transactions.write() as facts:
            held = (await facts.quotas.usage(ann.id)).reserved
            assert held in (0, 2)
            await facts.quotas.refund(ann.id, reserved=held)

    assert await at_every_wait(lambda _wait: write(), check) >= 1
    assert discrepancies(place.settings.data_dir, settled=True) == []


async def test_bytes_of_one_upload_never_come_into_another_although_half_are_cancelled(
    place: Core, ann: Principal
):
    """A thread that still writes for a cancelled upload must not meet the next one's file."""
    dice = random.Random(2)
    for _ in range(2):
        patterns = dice.sample(range(256), 24)
        works = [
            cancelled_at(
                deeds.deposit(place, ann, Whole(bytes([pattern]) * 1_500_000, 300_000)),
                dice.randint(1, 40) if n % 2 else MANY,
            )
            for n, pattern in enumerate(patterns)
        ]
        outcomes = await asyncio.gather(*works)
        for pattern, (made, _) in zip(patterns, outcomes, strict=True):
            if made:
                assert set(await deeds.bytes_of(place, ann, made)) == {pattern}
                await place.services.deleting.delete(ann, ById(made.id), [State.DETACHED])
        assert sum(made is not None for made, _ in outcomes) >= 12
    assert_books_balance(place, settled=True)
