from __future__ import annotations

from coatcheck.domain.principal import Principal
from coatcheck.domain.replay import Replay
from tests import deeds
from tests.core import Core


async def test_an_answer_is_found_until_it_expires_by_whom_it_was_given_to(
    place: Core, ann: Principal
):
    bob = await deeds.principal(place, login="bob")
    async with place.services.transactions.write() as facts:
        await facts.replays.keep(
            ann.id, "posts", "r", fingerprint="f", answer={"a": [1, None]}, expires_at=100
        )
        assert await facts.replays.find(ann.id, "posts", "r", 99) == Replay("f", {"a": [1, None]})
        assert await facts.replays.find(ann.id, "posts", "r", 100) is None
        assert await facts.replays.find(bob.id, "posts", "r", 99) is None
        assert await facts.replays.find(ann.id, "other", "r", 99) is None
        assert await facts.replays.find(ann.id, "posts", "R", 99) is None


async def test_an_expired_answer_makes_way_for_a_new_one_and_is_forgotten(
    place: Core, ann: Principal
):
    async with place.services.transactions.write() as facts:
        for expires_at in (100, 300):
            await facts.replays.keep(
                ann.id, "posts", "r", fingerprint="f", answer={}, expires_at=expires_at
            )
        assert await facts.replays.forget(299) == 0
        assert await facts.replays.forget(300) == 1
        assert await facts.replays.find(ann.id, "posts", "r", 0) is None
