from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.nodes.cluster import Cluster, cluster


@pytest.fixture(scope="session")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two, for all tests whose nodes are alive again at their end."""
    with cluster(tmp_path_factory.mktemp("nodes")) as nodes:
        yield nodes
