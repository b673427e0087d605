"""Half an hour of an ordinary day with a node that is killed every twenty seconds."""

from __future__ import annotations

from dataclasses import dataclass

from bench.measuring import Measure, Sample
from bench.outcomes import Failed, Skipped
from bench.session import Session
from bench.targets.places import database, store
from tests.nodes.cluster import cluster
from tests.soak.sites import ENV, Shared
from tests.soak.soaking import Plan, soak

DESCRIPTORS = "descriptors in that time"


@dataclass(frozen=True, kw_only=True)
class Soak:
    """By how much the memory of a node grows that was left alone, by a line through two looks a second."""

    unit: str = "MiB/h"
    title: str = "two nodes"

    def prepare(self, session: Session) -> Measure:
        seconds = session.scale.soak
        if not seconds:
            raise Skipped("a soak takes minutes; tests/soak has a short one")

        def measure() -> Sample:
            with (
                database() as running,
                store(session) as weed,
                cluster(
                    session.new_directory("nodes"),
                    database_url=running.make("nodes", "coatcheck_template"),
                    blobs_url=weed.url("nodes", timeout=5),
                    env=ENV,
                ) as nodes,
            ):
                try:
                    trends = soak(Shared(nodes), Plan(seconds=seconds, kills=(20, 20)))
                except AssertionError as broken:
                    raise Failed(f"a promise was broken: {broken}") from None
            memory, descriptors = trends["memory"], trends["descriptors"]
            details = {"± MiB/h": 3600 * memory.error, DESCRIPTORS: descriptors.growth}
            return Sample(3600 * memory.slope, details)

        return measure
