"""A soak: a steady load, kills, and at the end everything that was promised, compared."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

from tests.soak.gauges import Gauges, Trend, trend
from tests.soak.ledger import Fate, Ledger
from tests.soak.load import Mishap, Mixed
from tests.soak.sites import Site

#: Seconds after a kill within which clients may have to come again.
AFTERMATH = 15
#: Seconds of its life that a worker takes to have everything in memory that it works with.
WARM_UP = 60
#: MiB an hour; and MiB that a line through an hour's noise may seem to rise in minutes.
SLOPE, NOISE = 1, 4


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Seconds in all, and between two kills, at the least and at the most."""

    seconds: float
    kills: tuple[float, float]
    #: After this part of it, the first node is left alone, so that its memory can be watched.
    spared: float = 1 / 3
    #: Kills, however long it takes.
    least: int = 1
    lanes: int = 6
    pace: float = 60


def soak(site: Site, plan: Plan) -> dict[str, Trend]:
    """How memory and descriptors went; nothing where nobody lived long enough for a line to mean something."""
    ledger = Ledger(seed=20261122)
    began = time.monotonic()
    with (
        Gauges([node.server for node in site.nodes]) as gauges,
        Mixed(site.nodes, ledger, lanes=plan.lanes, pace=plan.pace) as load,
    ):
        kills = _kill_again_and_again(site, plan, ledger, began + plan.seconds)
    site.settle()
    assert ledger.wrong(site.any) == []
    fates = ledger.fates()
    took = time.monotonic() - began
    print(f"\n{took:.0f} s: {load.done} deeds, {len(kills)} kills, {len(load.mishaps)} mishaps")
    print(f"{fates}; at most {gauges.most():.0f} MiB")
    assert [each for each in load.mishaps if not _explained(each, kills)] == []
    assert fates.keys() >= {"claimed", "deleted", "expired"}
    for node in site.nodes:
        assert "Traceback" not in node.server.said()
    return _flat(gauges)


def _kill_again_and_again(
    site: Site, plan: Plan, ledger: Ledger, over: float
) -> list[tuple[float, float, int]]:
    """From when to when which node was away."""
    dice = random.Random(plan.seconds)
    kills: list[tuple[float, float, int]] = []
    spared_from = over - plan.seconds * (1 - plan.spared)
    at = time.monotonic() + dice.uniform(*plan.kills)
    while (now := time.monotonic()) < over or len(kills) < plan.least:
        if due := ledger.take_oldest(keep=50):
            site.expire(due)
            for id in due:
                ledger.settle(id, Fate.EXPIRED)
        # Whoever is killed last has time to serve again.
        if now >= at and (at < over - 3 or len(kills) < plan.least):
            anybody = now < spared_from or len(kills) < plan.least
            if victims := range(0 if anybody else 1, len(site.nodes)):
                victim = dice.choice(victims)
                site.nodes[victim].server.kill()
                site.nodes[victim].server.restart()
                kills.append((now, time.monotonic(), victim))
            at = time.monotonic() + dice.uniform(*plan.kills)
        time.sleep(0.5)
    return kills


def _explained(mishap: Mishap, kills: list[tuple[float, float, int]]) -> bool:
    """No answer from a node that was killed; or, around a kill, the advice to come again."""
    for start, end, node in kills:
        # A client learns of it when its wait is over.
        if start <= mishap.at <= end + AFTERMATH:
            if mishap.status == 0 and mishap.node == node:
                return True
            if mishap.status == 503 and mishap.patient:
                return True
    return False


def _flat(gauges: Gauges) -> dict[str, Trend]:
    samples = gauges.longest(WARM_UP)
    if not samples or samples[-1].at - samples[0].at < WARM_UP:
        return {}
    memory, descriptors = trend(samples, "memory"), trend(samples, "descriptors")
    hourly, error = memory.slope * 3600, memory.error * 3600
    print(f"memory: {memory.first:.1f} MiB, {hourly:+.2f} ± {error:.2f} MiB/h", end=" ")
    print(f"({memory.growth:+.2f} in {memory.seconds:.0f} s)")
    print(f"descriptors: {descriptors.first:.1f}, {descriptors.growth:+.2f} in that time")
    assert memory.growth <= max(NOISE, SLOPE * memory.seconds / 3600), memory
    assert abs(descriptors.growth) <= 3, descriptors
    return {"memory": memory, "descriptors": descriptors}
