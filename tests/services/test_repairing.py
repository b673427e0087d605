"""Repairs of records, on whichever database there is: each makes the next check clean, and changes nothing else."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from coatcheck.domain.claim import ById
from coatcheck.domain.principal import Principal
from tests import deeds
from tests.core import Core

#: What goes wrong -> the kinds of finding that tell of it.
DAMAGE = {
    "UPDATE quotas SET used = used + 1, reserved = reserved + 2, attachments = attachments + 3": {
        "quota"
    },
    "UPDATE attachments SET charged = false WHERE state = 'detached'": {"charge"},
    "UPDATE attachments SET reserved = 7 WHERE state = 'claimed'": {"charge"},
    "DELETE FROM folder_paths WHERE depth > 0": {"closure"},
    "UPDATE folder_paths SET depth = 5 WHERE depth = 1": {"closure"},
    "UPDATE claims SET position = 0": {"places"},
    "UPDATE attachments SET state = 'detached' WHERE state = 'claimed' AND token IS NULL": {"held"},
    "UPDATE attachments SET state = 'expired' WHERE state = 'claimed' AND token IS NULL": {"held"},
}


async def spoil(place: Core, statement: str) -> None:
    async with place.engine.begin() as connection:
        assert (await connection.execute(text(statement))).rowcount


@pytest.mark.parametrize("statement", DAMAGE)
async def test_it_is_found_and_repaired(
    place: Core, ann: Principal, eve: Principal, statement: str
):
    await deeds.deposit(place, ann, deeds.content(100, 1))
    made = [await deeds.deposit(place, ann, deeds.content(1500, seed)) for seed in (2, 3)]
    await deeds.post(place, ann, *made)
    for caller in (ann, eve):
        await deeds.file_away(place, caller, b"x", "a/b/c/d.bin")
    assert await deeds.findings(place) == []
    await spoil(place, statement)

    told = await deeds.findings(place, repair=True)

    assert {finding.kind for finding in told} == DAMAGE[statement]
    assert await deeds.findings(place) == []
    await place.services.reaping.sweep()
    for seed, each in zip((2, 3), made, strict=True):
        assert await deeds.bytes_of(place, ann, ById(each.id)) == deeds.content(1500, seed)


async def test_while_it_is_summed_again_deposits_are_counted(place: Core, ann: Principal):
    """Nothing that is recorded between the sum and its writing is forgotten."""

    async def repair() -> None:
        for _ in range(10):
            async with place.services.transactions.write() as facts:
                await facts.repairing.resum(ann.id)

    async def come(seed: int) -> None:
        for number in range(5):
            await deeds.deposit(place, ann, deeds.content(1500, seed * 100 + number))

    await asyncio.gather(repair(), *(come(seed) for seed in range(4)))
    usage = (await place.services.listing.holdings(ann)).usage
    assert (usage.used, usage.reserved, usage.attachments) == (20 * 1500, 0, 20)
