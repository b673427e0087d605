"""An ordinary day in minutes, with nodes that are killed all the time: no promise is broken, nothing grows.

SOAK_MINUTES=240 pytest --thorough -s tests/soak    half an hour, unless it says otherwise
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.soak.sites import Site, one_node, two_nodes
from tests.soak.soaking import Plan, soak

MINUTES = float(os.environ.get("SOAK_MINUTES", "30"))


def test_one_node_that_is_killed_twice_in_a_quarter_of_a_minute_keeps_all_promises(
    tmp_path: Path,
) -> None:
    with one_node(tmp_path) as site:
        soak(site, Plan(seconds=15, kills=(3, 5), least=2, lanes=4))


@pytest.mark.thorough
@pytest.mark.timeout(MINUTES * 60 + 1200)
def test_two_nodes_on_a_store_keep_all_promises_for_as_long_as_there_is_time(
    tmp_path: Path,
) -> None:
    with two_nodes(tmp_path, folder=False) as site:
        soak(site, Plan(seconds=MINUTES * 60, kills=(20, 20)))


@pytest.mark.thorough
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", ["one node on SQLite", "two nodes on a folder"])
def test_other_sites_keep_all_promises_for_three_minutes(tmp_path: Path, kind: str) -> None:
    open_site: AbstractContextManager[Site] = (
        one_node(tmp_path) if kind.startswith("one") else two_nodes(tmp_path, folder=True)
    )
    with open_site as site:
        soak(site, Plan(seconds=min(MINUTES, 3) * 60, kills=(20, 20)))
