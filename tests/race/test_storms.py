from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests import deeds
from tests.core import core
from tests.race.duels import duels
from tests.race.storms import storms
from tests.sim import reseed, simulate, simulated_core
from tests.test_mutations import MUTANTS

#: Each deed that can go either way has to have gone both ways.
BOTH_WAYS = ["claim", "claim together", "delete", "hold"]


async def simulated(data_dir: Path, seeds: range) -> None:
    async with simulated_core(data_dir, **deeds.BLOBS_ABOVE_1000) as place:
        seen = await storms(place, await deeds.principal(place), seeds, reseed)
    for deed in BOTH_WAYS:
        assert seen[deed], deed
        assert seen[f"{deed}!"], deed


@pytest.mark.sqlite
def test_in_any_order_of_steps_nothing_claimed_is_lost_and_the_books_balance(tmp_path: Path):
    simulate(0, simulated(tmp_path, range(50)))


@pytest.mark.sqlite
@pytest.mark.thorough
@pytest.mark.timeout(1800)
def test_in_thousands_of_orders_of_steps_too(tmp_path: Path):
    simulate(0, simulated(tmp_path, range(1000, 4000)))


async def simulated_duels(data_dir: Path, seeds: range) -> None:
    async with simulated_core(data_dir, **deeds.BLOBS_ABOVE_1000) as place:
        seen = await duels(place, await deeds.principal(place), seeds, reseed)
    for deed in ["claim", "delete", "hold"]:
        assert seen[deed], deed
        assert seen[f"{deed}!"], deed


@pytest.mark.sqlite
def test_of_a_claim_a_delete_and_a_sweep_at_the_edge_one_wins_whatever_the_order(tmp_path: Path):
    simulate(0, simulated_duels(tmp_path, range(60)))


@pytest.mark.sqlite
@pytest.mark.thorough
@pytest.mark.timeout(1800)
def test_one_wins_in_thousands_of_orders_too(tmp_path: Path):
    for first in range(1000, 6000, 500):
        simulate(0, simulated_duels(tmp_path / str(first), range(first, first + 500)))


@pytest.mark.sqlite
@pytest.mark.parametrize(
    "name",
    [
        "a claim without the state, by its step",
        pytest.param("an expiry without the state, by time", marks=pytest.mark.thorough),
    ],
)
def test_a_duel_without_its_arbiter_is_noticed(name: str, tmp_path: Path):
    mutant, _ = MUTANTS[name]
    with mutant(), pytest.raises(AssertionError, match="in the duel of seed"):
        simulate(0, simulated_duels(tmp_path, range(600)))


@pytest.mark.sqlite
def test_a_seed_gives_the_same_run_again(tmp_path: Path):
    def run(name: str) -> dict[str, int]:
        async def once() -> dict[str, int]:
            async with simulated_core(tmp_path / name, **deeds.BLOBS_ABOVE_1000) as place:
                return await storms(place, await deeds.principal(place), range(10), reseed)

        return simulate(0, once())

    assert run("one") == run("two")


async def test_with_threads_and_real_files_it_is_the_same(tmp_path: Path):
    async with core(tmp_path, **deeds.BLOBS_ABOVE_1000) as place:
        ann = await deeds.principal(place)
        seen = await asyncio.wait_for(storms(place, ann, range(25), lambda _seed: None), 60)
    assert seen["claim"]
    assert seen["claim!"]
