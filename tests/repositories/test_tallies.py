"""What the database counts by itself is what there is, whichever way an attachment came or went."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import func, select, text, update

from coatcheck.domain.claim import ById
from coatcheck.domain.lifecycle import State
from coatcheck.domain.names import parse_token
from coatcheck.domain.pages import Window
from coatcheck.domain.principal import Principal
from coatcheck.repositories.tables import attachments, tallies
from coatcheck.repositories.tallies import Tallies
from tests import deeds
from tests.books import assert_books_balance
from tests.core import Core


async def detached(place: Core, ann: Principal) -> tuple[int, int, int]:
    """(by the list, by the usage, bytes)."""
    page = await place.services.listing.detached(ann, Window(limit=1))
    holdings = await place.services.listing.holdings(ann)
    return page.total, holdings.detached_count, holdings.detached_space


async def test_every_way_in_and_out_is_counted(place: Core, ann: Principal):
    one, two, three = [await deeds.deposit(place, ann, b"x" * size) for size in (1, 20, 300)]
    assert await detached(place, ann) == (3, 3, 321)
    held = await deeds.post(place, ann, two)
    assert await detached(place, ann) == (2, 2, 301)
    await place.services.containers.delete(deeds.removal(ann, held.ref))
    await place.services.deleting.delete(ann, ById(one.id), [State.DETACHED])
    filed = await place.services.tree.refile(ann, ById(three.id), parse_token("a/b.txt"))
    assert (await place.services.listing.filed(ann, 1, 9)).total == 1
    assert_books_balance(place)
    await place.services.tree.withdraw(ann, ById(filed.id))
    assert (await place.services.listing.filed(ann, 1, 9)).total == 0
    place.clock.advance(seconds=3 * 24 * 3600)
    await place.services.reaping.sweep()
    assert await detached(place, ann) == (0, 0, 0)
    assert_books_balance(place)


async def test_what_has_expired_does_not_count_before_a_sweep_has_come_by(
    place: Core, ann: Principal
):
    await deeds.deposit(place, ann, b"old", lifetime=1000)
    place.clock.advance(seconds=2)
    await deeds.deposit(place, ann, b"newer")
    assert await detached(place, ann) == (1, 1, 5)


async def test_many_at_once_wait_for_nobody_and_are_all_counted(place: Core, ann: Principal):
    bob = await deeds.principal(place, login="bob")
    await asyncio.gather(
        *(deeds.deposit(place, owner, b"xx") for owner in (ann, bob) for _ in range(10))
    )
    assert await detached(place, ann) == (10, 10, 20)
    assert await detached(place, bob) == (10, 10, 20)
    assert_books_balance(place)


async def test_a_sweep_leaves_one_row_of_each_and_the_same_sums(place: Core, ann: Principal):
    for size in range(5):
        await deeds.deposit(place, ann, b"x" * size)
    before = await detached(place, ann)
    await place.services.reaping.sweep()
    async with place.engine.begin() as connection:
        assert await connection.scalar(select(func.count()).select_from(tallies)) == 1
    assert await detached(place, ann) == before == (5, 5, 10)


@pytest.mark.parametrize("what", ["detached", "filed"])
async def test_a_miscount_is_found_and_recounted(what: str, place: Core, ann: Principal):
    await deeds.deposit(place, ann, b"x")
    await deeds.file_away(place, ann, b"y", "a/b.txt")
    async with place.engine.begin() as connection:
        wrong = update(tallies).where(tallies.c.what == what).values(attachments=7, bytes=8)
        assert (await connection.execute(wrong)).rowcount == 1
    (finding,) = await deeds.findings(place)
    assert f"{what} is 7, and by the rows 1; {what} bytes is 8, and by the rows 1" in finding.says
    (repaired,) = await deeds.findings(place, repair=True)
    assert repaired.repaired
    assert_books_balance(place)
    assert await deeds.findings(place) == []


async def test_rows_that_change_owner_or_size_or_go_are_counted_too(place: Core, ann: Principal):
    """As somebody does who repairs by hand."""
    bob = await deeds.principal(place, login="bob")
    left = await deeds.deposit(place, ann, b"12")
    async with place.engine.begin() as connection:
        await connection.execute(update(attachments).values(owner_id=bob.id, size=5))
        assert await Tallies(connection).detached(ann.id, 0) == (0, 0)
        assert await Tallies(connection).detached(bob.id, 0) == (1, 5)
        await connection.execute(text(f"DELETE FROM parts WHERE attachment_id = {left.id}"))
        await connection.execute(text(f"DELETE FROM attachments WHERE id = {left.id}"))
        assert await Tallies(connection).detached(bob.id, 0) == (0, 0)
