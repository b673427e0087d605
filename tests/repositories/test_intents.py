from __future__ import annotations

from coatcheck.domain.principal import Principal
from tests import deeds
from tests.core import Core


async def test_whoever_has_the_lease_may_renew_and_settle(place: Core, ann: Principal):
    intent = deeds.an_intent(ann, 1000, reserved=0)
    async with place.services.transactions.write() as facts:
        await facts.intents.add(intent)
        assert await facts.intents.renew(intent, 2000, more=5)
        assert await facts.intents.renew(intent, 3000)
        assert await facts.intents.known([intent.blob_key, "other"]) == {intent.blob_key}
        assert await facts.intents.settle(intent) == 5
        assert await facts.intents.settle(intent) is None
        assert not await facts.intents.renew(intent, 4000)


async def test_whoever_lost_the_lease_may_do_neither(place: Core, ann: Principal):
    intent = deeds.an_intent(ann, 1000, reserved=0)
    async with place.services.transactions.write() as facts:
        await facts.intents.add(intent)
        assert await facts.intents.take_over(1000, "sweep", 2000, 10) == []
        (taken,) = await facts.intents.take_over(1001, "sweep", 2000, 10)
        assert (taken.blob_key, taken.lease, taken.reserved) == (intent.blob_key, "sweep", 0)
        assert not await facts.intents.renew(intent, 9000)
        assert await facts.intents.settle(intent) is None
        assert await facts.intents.take_over(1002, "another", 3000, 10) == []
        assert await facts.intents.settle(taken) == 0


async def test_the_longest_overdue_are_taken_first(place: Core, ann: Principal):
    intents = [deeds.an_intent(ann, 1000 - n, reserved=0) for n in range(4)]
    async with place.services.transactions.write() as facts:
        for each in intents:
            await facts.intents.add(each)
        overdue = await facts.intents.overdue(5000, 2)
        taken = await facts.intents.take_over(5000, "sweep", 9000, 2)
    assert [each.blob_key for each in overdue] == [intents[3].blob_key, intents[2].blob_key]
    assert {each.blob_key for each in taken} == {each.blob_key for each in overdue}
