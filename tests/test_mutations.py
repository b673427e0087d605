"""The tests that guard the arbiters notice when one is taken away.

Each mutant is the code without one condition on which the promises rest; each has to fail the test that is named.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from sqlalchemy import ColumnElement, and_, true, update
from sqlalchemy.exc import IntegrityError

from coatcheck.domain.errors import CoatcheckError
from coatcheck.domain.intent import Intent
from coatcheck.domain.lifecycle import Event, State
from coatcheck.domain.principal import Principal
from coatcheck.repositories import burial, lives
from coatcheck.repositories.intents import Intents
from coatcheck.repositories.lives import Lives
from coatcheck.repositories.quotas import Quotas
from coatcheck.repositories.receiving import Receiving
from coatcheck.repositories.tables import attachments
from tests import deeds
from tests.core import Core, core
from tests.repositories import test_intents, test_lives
from tests.services import test_claims, test_deposits, test_reaping, test_receiving

#: How a test says no.
NO = (AssertionError, CoatcheckError, IntegrityError, pytest.fail.Exception)

Proof = Callable[[Core, Principal, Path], Awaitable[None]]


async def _claim_whatever(
    self: Lives, ids: Iterable[int], now: int, *, exclusive: bool
) -> set[int]:
    rows = await self._connection.execute(
        update(attachments)
        .where(attachments.c.id.in_(list(ids)))
        .values(state=State.CLAIMED.value)
        .returning(attachments.c.id)
    )
    return set(rows.scalars())


async def _settle_whatever(self: Intents, intent: Intent) -> int | None:
    return await REAL_SETTLE(self, intent) or 0


async def _renew_whatever(self: Intents, intent: Intent, until: int, *, more: int = 0) -> bool:
    await REAL_RENEW(self, intent, until, more=more)
    return True


async def _seal_whatever(self: Receiving, id: int, state: State, **fields: Any) -> int | None:
    return await REAL_SEAL(self, id, state, **fields) or 0


async def _take_whatever(self: Quotas, owner_id: int, *, more: int, **rest: int) -> bool:
    return await REAL_TAKE(self, owner_id, more=0, **rest)


def _expirable_whatever(now: int) -> ColumnElement[bool]:
    states = ["receiving", "detached", "claimed"]
    return and_(attachments.c.state.in_(states), attachments.c.expires_at < now)


REAL_SETTLE, REAL_RENEW = Intents.settle, Intents.renew
REAL_SEAL, REAL_TAKE = Receiving.seal, Quotas._take


def _without(target: Any, name: str, instead: Any) -> Callable[[], AbstractContextManager[Any]]:
    return lambda: mock.patch.object(target, name, instead)


def _expiring_whatever() -> AbstractContextManager[Any]:
    return mock.patch.multiple(lives, expirable=_expirable_whatever, SWEPT=true())


def _claims_of_any_time() -> AbstractContextManager[Any]:
    with mock.patch.object(lives, "unexpired", return_value=true()):
        claim = lives._claiming(lives._CLAIMED)
    return mock.patch.multiple(lives, _CLAIM=claim, _CLAIM_ALONE=claim)


def _purges_for_anybody() -> AbstractContextManager[Any]:
    whatever = attachments.c.state.in_(["expired", "deleted", "purging"])
    with mock.patch.object(burial, "unpurged", return_value=whatever):
        purge = burial._purging(waiting=False)
    return mock.patch.object(burial, "PURGE_SOME", purge)


def _step(event: Event) -> Proof:
    return lambda place, ann, _dir: (
        test_lives.test_a_step_is_taken_from_the_states_of_the_table_and_from_no_other(
            event, place, ann
        )
    )


MUTANTS: dict[str, tuple[Callable[[], AbstractContextManager[Any]], Proof]] = {
    "a claim without the state, by its step": (
        _without(Lives, "claim", _claim_whatever),
        _step(Event.CLAIM),
    ),
    "a claim without the state, by racing claims": (
        _without(Lives, "claim", _claim_whatever),
        lambda place, ann, _dir: (
            test_claims.test_of_claims_at_once_one_container_wins_all_or_nothing(place, ann)
        ),
    ),
    "an expiry without the state, by its step": (
        _expiring_whatever,
        _step(Event.EXPIRE),
    ),
    "an expiry without the state, by time": (
        _expiring_whatever,
        lambda place, ann, _dir: _a_claimed_one_stays(place, ann),
    ),
    "a quota without its condition": (
        _without(Quotas, "_take", _take_whatever),
        lambda _place, _ann, directory: (
            test_deposits.test_of_many_at_once_exactly_those_that_fit_are_kept(10, directory)
        ),
    ),
    "a settlement without the lease": (
        _without(Intents, "settle", _settle_whatever),
        lambda place, ann, _dir: (
            test_deposits.test_one_that_is_swept_after_its_last_byte_leaves_nothing_either(
                place, ann
            )
        ),
    ),
    "a part's settlement without the lease": (
        _without(Intents, "settle", _settle_whatever),
        lambda place, ann, _dir: (
            test_receiving.test_a_part_that_is_swept_after_its_last_byte_leaves_nothing(place, ann)
        ),
    ),
    "a lease that is never lost": (
        _without(Intents, "renew", _renew_whatever),
        lambda place, ann, _dir: test_intents.test_whoever_lost_the_lease_may_do_neither(
            place, ann
        ),
    ),
    "a release of what is held": (
        _without(lives, "unheld", true),
        lambda place, ann, _dir: (
            test_claims.test_several_containers_may_hold_one_where_that_is_wanted(place, ann)
        ),
    ),
    "a claim after the time is over": (
        _claims_of_any_time,
        lambda place, ann, _dir: test_lives.test_what_can_be_claimed_is_what_is_not_past_its_time(
            test_lives.NOW, False, True, place, ann
        ),
    ),
    "a purge that anybody may join": (
        _purges_for_anybody,
        lambda place, ann, _dir: (
            test_lives.test_of_two_sweeps_one_purges_each_until_its_lease_is_over(place, ann)
        ),
    ),
    "a completion that may come twice": (
        _without(Receiving, "seal", _seal_whatever),
        _step(Event.COMPLETE),
    ),
}


async def _a_claimed_one_stays(place: Core, ann: Principal) -> None:
    bob = await deeds.principal(place, login="bob")
    eve = await deeds.principal(place, tenant="evil", login="eve")
    await test_claims.test_a_claimed_one_stays_for_ever_and_the_whole_tenant_may_read_it(
        place, ann, bob, eve
    )


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Core]:
    async with core(tmp_path / "data", **deeds.BLOBS_ABOVE_1000) as opened:
        yield opened


@pytest.mark.parametrize("name", MUTANTS)
async def test_each_mutant_is_noticed(name: str, place: Core, tmp_path: Path):
    mutant, proof = MUTANTS[name]
    ann = await deeds.principal(place)
    with mutant(), pytest.raises(NO):
        await proof(place, ann, tmp_path / "other")


@pytest.mark.parametrize("name", MUTANTS)
async def test_without_the_mutant_the_same_test_passes(name: str, place: Core, tmp_path: Path):
    _, proof = MUTANTS[name]
    await proof(place, await deeds.principal(place), tmp_path / "other")


async def test_a_sweep_without_its_grace_is_noticed(place: Core):
    ann = await deeds.principal(place)
    place.services.reaping._grace = 0
    with pytest.raises(AssertionError):
        await test_reaping.test_between_the_last_moment_of_a_claim_and_the_first_of_a_reap_lies_a_minute(
            10, place, ann
        )
