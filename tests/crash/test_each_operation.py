"""The database or the store fails at the first operation of a round, at the second, … until a round comes through.

Whatever was said yes to is there, whatever was refused is granted when it is asked again, and the books balance.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import get_args

import pytest

from coatcheck.blobs.base import BlobStore
from coatcheck.domain.errors import StorageFull, Unavailable
from coatcheck.testing.faulty import FaultyBlobStore, Operation
from coatcheck.web.dialects import DIALECTS
from tests import deeds
from tests.books import assert_books_balance
from tests.crash.chores import Chores
from tests.crash.failing_database import FailingDatabase
from tests.kit import Installation, installation

#: More operations than a round has.
MANY = 500

#: In the quick form, every so many-th of a round's statements.
QUICK = 41


class House:
    """An installation whose store fails when it is armed."""

    def __init__(self) -> None:
        self.store: FaultyBlobStore
        self.place: Installation

    def wrapped(self, store: BlobStore) -> FaultyBlobStore:
        self.store = FaultyBlobStore(store, "put", 0, Unavailable(retry_after=1))
        return self.store


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House()
    async with installation(
        tmp_path,
        wrap_blobs=house.wrapped,
        dialects=tuple(DIALECTS),
        rate_limits="off",
        inline_max=1000,
    ) as house.place:
        yield house


async def a_round(house: House, number: int, failing: AbstractContextManager[None]) -> list[str]:
    """What was refused in it."""
    place = house.place
    async with place.client() as client:
        chores = Chores(place, client, number)
        with failing:
            await chores.run()
            with suppress(Unavailable):
                await place.services.reaping.sweep()
        assert_books_balance(place)
        await chores.check()
        await deeds.settle(place)
        await chores.check()
        assert await deeds.orphans(place) == []
        assert_books_balance(place, settled=True)
        await chores.clear()
    return chores.refused


async def through_the_database(house: House, step: int, *, after: bool, only_commits: bool) -> int:
    """How many operations were made to fail."""
    for failed, nth in enumerate(range(1, MANY, step)):
        database = FailingDatabase(nth, after=after, only_commits=only_commits)
        engine = house.place.services.transactions._engine  # type: ignore[attr-defined]
        try:
            await a_round(house, nth, database.under(engine))
        except AssertionError as error:
            raise AssertionError(f"operation {nth}, {database.fired}: {error}") from error
        if not database.fired:
            return failed
    raise AssertionError("a round does not end")


#: In the quick form, only what is hardest to get right.
BEFORE_AND_AFTER = pytest.mark.parametrize(
    "after", [pytest.param(False, marks=pytest.mark.thorough), True], ids=["before", "after"]
)


@BEFORE_AND_AFTER
async def test_a_commit_that_fails_is_resolved_whether_it_happened_or_not(
    after: bool, house: House
):
    assert await through_the_database(house, 1, after=after, only_commits=True) > 10


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_statement_that_fails_loses_nothing(after: bool, house: House):
    assert await through_the_database(house, QUICK, after=after, only_commits=False) > 1


@pytest.mark.thorough
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_each_statement_that_fails_loses_nothing(after: bool, house: House):
    assert await through_the_database(house, 1, after=after, only_commits=False) > QUICK


@pytest.mark.parametrize(
    "op",
    [
        pytest.param(op, marks=() if op == "put" else pytest.mark.thorough)
        for op in get_args(Operation)
    ],
)
@BEFORE_AND_AFTER
@pytest.mark.parametrize(
    "error", [Unavailable(retry_after=1), pytest.param(StorageFull(), marks=pytest.mark.thorough)]
)
async def test_an_operation_of_the_store_that_fails_loses_nothing(
    op: Operation, after: bool, error: Unavailable, house: House
):
    for nth in range(1, MANY):
        try:
            await a_round(house, nth, _armed(house.store, op, nth, error, after))
        except AssertionError as wrong:
            raise AssertionError(f"{op} {nth}: {wrong}") from wrong
        if not house.store.fired:
            break
    assert nth > 1 or op in ("keys", "size"), f"a round has no {op}"


async def test_a_round_without_a_failure_is_granted_at_once(house: House):
    assert await a_round(house, 1, nullcontext()) == []


@contextmanager
def _armed(
    store: FaultyBlobStore, op: Operation, nth: int, error: Unavailable, after: bool
) -> Iterator[None]:
    store.arm(op, nth, error, after=after)
    try:
        yield
    finally:
        store.disarm()
