"""When the clock jumps forward, whatever a sweep goes by is put off by as much: once, and never for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import select, update

from coatcheck.domain.claim import ById, Wanted
from coatcheck.domain.container import ContainerRef
from coatcheck.domain.errors import NotFound
from coatcheck.domain.principal import Principal
from coatcheck.reaper import TOLERANCE, ClockWatch
from coatcheck.repositories.tables import attachments, claims, intents
from coatcheck.services.commands import ClaimAttachments
from tests import deeds
from tests.core import Core

JUMP = 3 * deeds.HOUR


class Hands:
    """Of a monotonic clock: they move by what really passes, never by a jump."""

    def __init__(self, place: Core) -> None:
        self._place = place
        self._seconds = 1000.0

    def __call__(self) -> float:
        return self._seconds

    def pass_by(self, milliseconds: int) -> None:
        self._seconds += milliseconds / 1000
        self._place.clock.advance(milliseconds=milliseconds)


@pytest.fixture
def hands(place: Core) -> Hands:
    return Hands(place)


def watch(place: Core, hands: Callable[[], float]) -> ClockWatch:
    services = place.services
    return ClockWatch(services.reaping.postponing, place.clock, services.witness, hands)


async def jumps(place: Core) -> dict[str, float]:
    """By their directions, as metrics have it."""
    assert place.services.meter
    content, _ = await place.services.meter.exposed("")
    families = text_string_to_metric_families(content.decode())
    return {
        sample.labels["direction"]: sample.value
        for family in families
        for sample in family.samples
        if sample.name == "coatcheck_clock_jumps_total"
    }


async def value(place: Core, column: Any) -> Any:
    async with place.engine.begin() as connection:
        return await connection.scalar(select(column))


async def swept_by(place: Core, watching: ClockWatch) -> bool:
    """One turn of the reaper; whether it swept."""
    if not await watching.steady():
        return False
    await place.services.reaping.sweep()
    return True


async def test_what_is_young_outlives_a_jump_and_still_goes_when_its_time_has_really_passed(
    place: Core, ann: Principal, hands: Hands
):
    watching = watch(place, hands)
    await watching.steady()
    data = deeds.content(deeds.LARGE)
    young = await deeds.deposit(place, ann, data, lifetime=2 * deeds.HOUR)
    place.clock.advance(milliseconds=JUMP)
    assert not await swept_by(place, watching)
    assert await jumps(place) == {"forward": 1}
    for _ in range(2):
        hands.pass_by(deeds.HOUR - 1000)
        assert await swept_by(place, watching)
        assert await deeds.bytes_of(place, ann, young) == data
    hands.pass_by(2000 + TOLERANCE)
    assert await swept_by(place, watching)
    with pytest.raises(NotFound):
        await deeds.bytes_of(place, ann, young)


async def test_an_upload_in_parts_and_what_is_being_written_outlive_it_too(
    place: Core, ann: Principal, hands: Hands
):
    watching = watch(place, hands)
    await watching.steady()
    await deeds.receive(place, deeds.a_part(ann, b"half", total=8, start=0, window=deeds.HOUR))
    lease = place.clock.now() + 900_000
    intent = deeds.an_intent(ann, lease)
    async with place.services.transactions.write() as facts:
        await facts.quotas.reserve(ann.id, intent.reserved)
        await facts.intents.add(intent)
    place.clock.advance(milliseconds=JUMP)
    assert not await swept_by(place, watching)
    assert await swept_by(place, watching)
    done = await deeds.receive(place, deeds.a_part(ann, b"done", total=8, start=4))
    assert await deeds.bytes_of(place, ann, done.attachment) == b"halfdone"
    assert await value(place, intents.c.lease_until) == lease + JUMP
    assert await value(place, intents.c.blob_key) == intent.blob_key


async def test_a_jump_in_the_middle_of_a_sweep_ends_nothing_before_its_time(
    place: Core, ann: Principal
):
    await deeds.deposit(place, ann, b"old", lifetime=1000)
    place.clock.advance(120)
    young = await deeds.deposit(place, ann, b"young", lifetime=2 * deeds.HOUR)
    purge = place.services.reaping._purging.purge_some

    async def jumping(limit: int) -> Any:
        place.clock.advance(milliseconds=JUMP)
        return await purge(limit)

    with mock.patch.object(place.services.reaping._purging, "purge_some", jumping):
        swept = await place.services.reaping.sweep()
    assert len(swept.expired) == 1
    assert young.id not in {each.id for each in swept.expired}


async def test_a_claim_for_a_time_is_not_cut_short(place: Core, ann: Principal, hands: Hands):
    watching = watch(place, hands)
    await watching.steady()
    held = await deeds.deposit(place, ann, b"x")
    await place.services.claims.claim(
        ClaimAttachments(
            caller=ann,
            ref=ContainerRef("draft", "1"),
            wanted=(Wanted(reference=ById(held.id)),),
            exclusive=True,
            lease=deeds.HOUR,
        )
    )
    place.clock.advance(milliseconds=JUMP)
    assert not await swept_by(place, watching)
    assert await swept_by(place, watching)
    assert await value(place, claims.c.attachment_id) == held.id


async def test_of_several_that_see_the_same_jump_one_postpones(
    place: Core, ann: Principal, hands: Hands
):
    several = [watch(place, hands) for _ in range(5)]
    for each in several:
        await each.steady()
    await deeds.deposit(place, ann, b"x")
    end = await value(place, attachments.c.expires_at)
    place.clock.advance(milliseconds=JUMP)
    saw = await asyncio.gather(*(each.steady() for each in several[:4]))
    hands.pass_by(deeds.MINUTE)
    late = await several[4].steady()
    assert not any([*saw, late])
    assert await value(place, attachments.c.expires_at) == end + JUMP
    for each in several:
        assert await each.steady()
    assert await value(place, attachments.c.expires_at) == end + JUMP


async def test_who_slept_through_two_jumps_adds_neither_again(
    place: Core, ann: Principal, hands: Hands
):
    awake, asleep = watch(place, hands), watch(place, hands)
    await awake.steady()
    await asleep.steady()
    await deeds.deposit(place, ann, b"x")
    end = await value(place, attachments.c.expires_at)
    for _ in range(2):
        place.clock.advance(milliseconds=JUMP)
        assert not await awake.steady()
        hands.pass_by(deeds.MINUTE)
        assert await awake.steady()
    assert not await asleep.steady()
    assert await value(place, attachments.c.expires_at) == end + 2 * JUMP


async def test_the_next_jump_counts_again(place: Core, ann: Principal, hands: Hands):
    watching = watch(place, hands)
    await watching.steady()
    await deeds.deposit(place, ann, b"x")
    end = await value(place, attachments.c.expires_at)
    for times in (1, 2):
        place.clock.advance(milliseconds=JUMP)
        assert not await watching.steady()
        assert await value(place, attachments.c.expires_at) == end + times * JUMP


async def test_a_clock_that_was_put_back_delays_and_changes_nothing(
    place: Core, ann: Principal, hands: Hands, caplog: pytest.LogCaptureFixture
):
    watching = watch(place, hands)
    await watching.steady()
    await deeds.deposit(place, ann, b"x")
    end = await value(place, attachments.c.expires_at)
    place.clock.advance(milliseconds=-JUMP)
    assert not await swept_by(place, watching)
    assert "put back by 10800 s" in caplog.text
    assert await swept_by(place, watching)
    assert await value(place, attachments.c.expires_at) == end


async def test_a_jump_is_told_in_the_log(
    place: Core, hands: Hands, caplog: pytest.LogCaptureFixture
):
    watching = watch(place, hands)
    await watching.steady()
    place.clock.advance(milliseconds=JUMP)
    await watching.steady()
    assert "put forward by 10800 s" in caplog.text


@pytest.mark.parametrize("drift", [-TOLERANCE, TOLERANCE])
async def test_a_minute_more_or_less_is_no_jump(
    drift: int, place: Core, ann: Principal, hands: Hands
):
    watching = watch(place, hands)
    await watching.steady()
    await deeds.deposit(place, ann, b"x")
    end = await value(place, attachments.c.expires_at)
    place.clock.advance(milliseconds=drift)
    assert await watching.steady()
    assert await value(place, attachments.c.expires_at) == end


async def test_a_jump_of_decades_keeps_nothing_for_decades(
    place: Core, ann: Principal, hands: Hands
):
    watching = watch(place, hands)
    place.clock.advance(milliseconds=-40 * 365 * deeds.DAY)  # no battery in its clock
    await watching.steady()
    stamped_right = await deeds.deposit(place, ann, b"before the clock failed")
    async with place.engine.begin() as connection:
        right = place.clock.now() + 40 * 365 * deeds.DAY + deeds.HOUR
        await connection.execute(update(attachments).values(expires_at=right))
    place.clock.advance(milliseconds=40 * 365 * deeds.DAY)
    assert not await watching.steady()
    end = await value(place, attachments.c.expires_at)
    assert end == place.clock.now() + place.settings.longest_ttl * 1000
    assert await deeds.bytes_of(place, ann, stamped_right) == b"before the clock failed"


async def test_nothing_ends_earlier_than_before(place: Core, ann: Principal, hands: Hands):
    watching = watch(place, hands)
    await watching.steady()
    await deeds.deposit(place, ann, b"x", lifetime=100 * deeds.DAY)
    end = await value(place, attachments.c.expires_at)
    place.clock.advance(milliseconds=JUMP)
    assert not await watching.steady()
    assert await value(place, attachments.c.expires_at) == end
