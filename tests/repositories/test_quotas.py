from __future__ import annotations

import random
from pathlib import Path

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from coatcheck.domain.principal import Principal
from coatcheck.repositories.tables import quotas
from tests import deeds
from tests.core import Core, core


@pytest.mark.parametrize(("size", "fits"), [(100, True), (101, False), (0, True)])
async def test_a_reservation_is_made_when_it_fits_and_else_nothing_changes(
    size: int, fits: bool, tmp_path: Path
):
    async with core(tmp_path, quota_bytes=100) as place:
        ann = await deeds.principal(place)
        async with place.services.transactions.write() as facts:
            assert await facts.quotas.reserve(ann.id, size) is fits
            assert (await facts.quotas.usage(ann.id)).reserved == (size if fits else 0)


async def test_a_limit_of_the_owner_goes_before_that_of_the_installation(tmp_path: Path):
    async with core(tmp_path, quota_bytes=100) as place:
        ann, bob = await deeds.principal(place), await deeds.principal(place, login="bob")
        for owner, limit in ((ann, 50), (bob, 0)):
            async with place.engine.begin() as connection:
                await connection.execute(
                    update(quotas).where(quotas.c.owner_id == owner.id).values(limit_bytes=limit)
                )
        async with place.services.transactions.write() as facts:
            assert not await facts.quotas.reserve(ann.id, 51)
            assert await facts.quotas.reserve(ann.id, 50)
            assert (await facts.quotas.usage(ann.id)).available == 0
            assert await facts.quotas.reserve(bob.id, 10**12)  # 0 is no limit
            assert (await facts.quotas.usage(bob.id)).available is None


async def test_what_is_reserved_may_be_charged_although_the_quota_is_full(tmp_path: Path):
    async with core(tmp_path, quota_bytes=100) as place:
        ann = await deeds.principal(place)
        async with place.services.transactions.write() as facts:
            assert await facts.quotas.reserve(ann.id, 100)
            assert not await facts.quotas.charge(ann.id, 101, reserved=100)
            assert await facts.quotas.charge(ann.id, 100, reserved=100, count=1)
            usage = await facts.quotas.usage(ann.id)
            assert (usage.used, usage.reserved, usage.attachments) == (100, 0, 1)


async def test_places_are_counted_as_bytes_are(tmp_path: Path):
    async with core(tmp_path, quota_count=2) as place:
        ann = await deeds.principal(place)
        async with place.services.transactions.write() as facts:
            assert await facts.quotas.charge(ann.id, 1, count=1)
            assert await facts.quotas.reserve(ann.id, 1, count=1)
            assert not await facts.quotas.charge(ann.id, 1, count=1)
            assert not await facts.quotas.reserve(ann.id, 1, count=1)
            assert await facts.quotas.charge(ann.id, 1)
            await facts.quotas.refund(ann.id, used=1, count=1)
            assert await facts.quotas.charge(ann.id, 1, count=1)


@pytest.mark.parametrize("what", ["used", "reserved", "count"])
async def test_the_database_itself_refuses_to_give_back_more_than_there_is(
    what: str, place: Core, ann: Principal
):
    with pytest.raises(IntegrityError):
        async with place.services.transactions.write() as facts:
            await facts.quotas.refund(ann.id, **{what: 1})


async def test_nobody_without_a_quota_gets_anything(place: Core):
    async with place.services.transactions.write() as facts:
        assert not await facts.quotas.reserve(999, 1)
        assert not await facts.quotas.charge(999, 1)


@pytest.mark.parametrize("seed", range(8))
async def test_whatever_is_asked_used_and_reserved_never_pass_the_limit_nor_fall_below_zero(
    seed: int, tmp_path: Path
):
    dice = random.Random(seed)
    async with core(tmp_path, quota_bytes=100) as place:
        ann = await deeds.principal(place)
        used, held = 0, list[int]()
        async with place.services.transactions.write() as facts:
            for _ in range(60):
                size = dice.randint(0, 60)
                room = used + sum(held) + size <= 100
                match dice.choice(["reserve", "charge", "settle", "refund"]):
                    case "reserve":
                        assert await facts.quotas.reserve(ann.id, size) is (room or size == 0)
                        held += [size] if room else []
                    case "charge":
                        assert await facts.quotas.charge(ann.id, size) is (room or size == 0)
                        used += size if room else 0
                    case "settle" if held:
                        reserved = held.pop()
                        size = min(size, reserved)
                        assert await facts.quotas.charge(ann.id, size, reserved=reserved)
                        used += size
                    case "refund":
                        back = dice.randint(0, used)
                        await facts.quotas.refund(ann.id, used=back)
                        used -= back
                usage = await facts.quotas.usage(ann.id)
                assert (usage.used, usage.reserved) == (used, sum(held))
                assert usage.used + usage.reserved <= 100
