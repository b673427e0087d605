"""One server of each kind, started together, for everything that is sent to them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.e2e.server import Server, running_server
from tests.security.aftermath import warm_up
from tests.security.harness import ENV, KINDS, PEOPLE, Kind, Site


@pytest.fixture(scope="session")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Kind, Site]]:
    base = tmp_path_factory.mktemp("security")
    with ExitStack() as stack, ThreadPoolExecutor(len(KINDS)) as threads:

        def start(kind: Kind) -> Server:
            return stack.enter_context(running_server(base / kind, server=kind, env=ENV))

        found = {}
        for kind, server in zip(KINDS, threads.map(start, KINDS), strict=True):
            found[kind] = Site(kind, server)
        for site in found.values():
            site.secrets |= {site.token(who) for who in PEOPLE}
            warm_up(site)
        yield found


@pytest.fixture(params=KINDS)
def site(request: pytest.FixtureRequest, sites: dict[Kind, Site]) -> Site:
    kind: Kind = request.param
    return sites[kind]
