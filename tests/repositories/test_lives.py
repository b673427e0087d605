"""Each step of a life is one UPDATE that refuses when the state has moved on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import select, update

from coatcheck.domain.lifecycle import Event, State, sources, target
from coatcheck.domain.principal import Principal
from coatcheck.domain.quota import Refund
from coatcheck.repositories.tables import attachments
from coatcheck.services.ports import Facts
from tests import deeds
from tests.core import Core

NOW = 5_000


async def an_attachment(place: Core, ann: Principal, state: State, expires_at: int | None) -> int:
    """In that state, whatever led there."""
    made = await deeds.deposit(place, ann, b"x")
    async with place.engine.begin() as connection:
        await connection.execute(
            update(attachments)
            .where(attachments.c.id == made.id)
            .values(state=state.value, expires_at=expires_at)
        )
    return made.id


async def state_of(place: Core, id: int) -> State:
    async with place.engine.begin() as connection:
        found = await connection.scalar(select(attachments.c.state).where(attachments.c.id == id))
    return State(str(found))


async def _claim(facts: Facts, id: int) -> bool:
    return bool(await facts.lives.claim([id], NOW, exclusive=False))


async def _release(facts: Facts, id: int) -> bool:
    return bool(await facts.lives.release([id], NOW, NOW + 1))


async def _expire(facts: Facts, _id: int) -> bool:
    return bool(await facts.lives.expire(NOW, 10))


async def _delete(facts: Facts, id: int) -> bool:
    return await facts.lives.delete(id, list(State), NOW)


async def _purge(facts: Facts, id: int) -> bool:
    return bool(await facts.lives.begin_purge(NOW, NOW + 10, 10, id))


async def _purged(facts: Facts, id: int) -> bool:
    return bool(await facts.lives.purge([id], NOW))


async def _complete(facts: Facts, id: int) -> bool:
    return await facts.receiving.seal(id, State.DETACHED, now=NOW, values={}) is not None


STEPS: dict[Event, Callable[[Facts, int], Awaitable[bool]]] = {
    Event.CLAIM: _claim,
    Event.RELEASE: _release,
    Event.EXPIRE: _expire,
    Event.DELETE: _delete,
    Event.PURGE: _purge,
    Event.PURGED: _purged,
    Event.COMPLETE: _complete,
}


def test_every_event_has_its_step():
    assert set(STEPS) == set(Event)


@pytest.mark.parametrize("event", Event)
async def test_a_step_is_taken_from_the_states_of_the_table_and_from_no_other(
    event: Event, place: Core, ann: Principal
):
    for state in State:
        due = NOW - 1 if event is Event.EXPIRE else NOW + 1
        id = await an_attachment(place, ann, state, due)
        async with place.services.transactions.write() as facts:
            taken = await STEPS[event](facts, id)
        assert taken is (state in sources(event)), (state, event)
        assert await state_of(place, id) is (target(event) if taken else state)


@pytest.mark.parametrize("state", [State.DETACHED, State.RECEIVING])
@pytest.mark.parametrize(("due", "expired"), [(NOW - 1, True), (NOW, False), (None, False)])
async def test_what_expires_is_what_is_past_its_time(
    state: State, due: int | None, expired: bool, place: Core, ann: Principal
):
    id = await an_attachment(place, ann, state, due)
    async with place.services.transactions.write() as facts:
        found = await facts.lives.expire(NOW, 10)
    assert [each.id for each in found] == ([id] if expired else [])
    assert all(
        each.reason == ("abandoned" if state is State.RECEIVING else "expired") for each in found
    )


@pytest.mark.parametrize(("due", "claimed"), [(NOW, False), (NOW + 1, True), (None, True)])
@pytest.mark.parametrize("exclusive", [True, False])
async def test_what_can_be_claimed_is_what_is_not_past_its_time(
    due: int | None, claimed: bool, exclusive: bool, place: Core, ann: Principal
):
    id = await an_attachment(place, ann, State.DETACHED, due)
    async with place.services.transactions.write() as facts:
        assert await facts.lives.claim([id], NOW, exclusive=exclusive) == (
            {id} if claimed else set()
        )


async def test_the_earliest_expire_first_and_no_more_than_asked_for(place: Core, ann: Principal):
    ids = [await an_attachment(place, ann, State.DETACHED, 100 - n) for n in range(5)]
    async with place.services.transactions.write() as facts:
        assert {due.id for due in await facts.lives.expire(NOW, 2)} == {ids[4], ids[3]}


async def test_of_two_sweeps_one_purges_each_until_its_lease_is_over(place: Core, ann: Principal):
    id = await an_attachment(place, ann, State.DELETED, None)
    async with place.services.transactions.write() as facts:
        assert [due.id for due in await facts.lives.begin_purge(NOW, NOW + 10, 9)] == [id]
        for now in (NOW, NOW + 10):
            assert await facts.lives.begin_purge(now, now + 10, 9) == []
        assert len(await facts.lives.begin_purge(NOW + 11, NOW + 20, 9)) == 1


async def test_what_a_container_still_holds_is_neither_released_nor_deleted(
    place: Core, ann: Principal
):
    made = await deeds.deposit(place, ann, b"x")
    await deeds.post(place, ann, made)
    async with place.services.transactions.write() as facts:
        assert await facts.lives.release([made.id], NOW, NOW + 1) == 0
        assert await facts.lives.delete_unheld([made.id], NOW) == []
    assert await state_of(place, made.id) is State.CLAIMED


async def test_a_purge_tells_once_what_to_give_back(place: Core, ann: Principal):
    made = await deeds.deposit(place, ann, b"four")
    async with place.services.transactions.write() as facts:
        assert await facts.lives.delete(made.id, [State.DETACHED], NOW)
        assert await facts.lives.begin_purge(NOW, NOW + 10, 9)
        refund = Refund(owner_id=ann.id, used=4, count=1)
        assert await facts.lives.purge([made.id], NOW) == {made.id: refund}
        assert await facts.lives.purge([made.id], NOW) == {}
        assert await facts.attachments.parts(made.id) == []
        await facts.quotas.refund_all([refund])


async def test_an_upload_ends_at_its_moment_to_make_way_for_another_of_its_key(
    place: Core, ann: Principal
):
    progress = await deeds.receive(place, deeds.a_part(ann, b"x", total=2, start=0))
    expires_at = progress.attachment.expires_at
    assert expires_at
    key = f"ranges:{ann.id}:k"
    async with place.services.transactions.write() as facts:
        await facts.lives.expire_upload(ann.tenant_id, key, expires_at - 1)
    assert await state_of(place, progress.attachment.id) is State.RECEIVING
    async with place.services.transactions.write() as facts:
        await facts.lives.expire_upload(ann.tenant_id, key, expires_at)
    assert await state_of(place, progress.attachment.id) is State.EXPIRED
