"""Where a soak takes place: two nodes that share database and store, or one on SQLite; sweeps every second."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol

from coatcheck.repositories.sqlite_driver import sqlite
from tests.books import assert_books_balance
from tests.e2e.server import Server, running_server
from tests.nodes.cluster import Cluster, Node, cluster

ENV = {
    "COATCHECK_REAP_EVERY": "1",
    "COATCHECK_RATE_LIMITS": "off",
    "COATCHECK_LOG_LEVEL": "warning",
    # What a killed node had in hand is swept half a minute later, as long as the load goes on.
    "COATCHECK_UPLOAD_LEASE": "30",
}

#: Unlike what only waits for its time, these are due: a minute and more ago nobody had claimed them.
_EXPIRE = "UPDATE attachments SET expires_at = 1 WHERE state = 'detached' AND id IN ({})"


class Site(Protocol):
    nodes: list[Node]

    def any(self) -> Node: ...

    def expire(self, ids: Sequence[int]) -> None:
        """Their time is over, as if a day had passed."""
        ...

    def settle(self) -> None:
        """Everything left half done is swept; then `coatcheck fsck` reads all bytes and has nothing to say."""
        ...


class Shared:
    """Nodes on PostgreSQL."""

    def __init__(self, nodes: Cluster) -> None:
        self.nodes = nodes.nodes
        self._cluster = nodes

    def any(self) -> Node:
        return self._cluster.any()

    def expire(self, ids: Sequence[int]) -> None:
        self._cluster.rows(_EXPIRE.format(",".join(map(str, ids))))

    def settle(self) -> None:
        self._cluster.settle()
        assert self._cluster.charged() == self._cluster.kept()


class Alone:
    """A node on SQLite and a folder."""

    def __init__(self, server: Server) -> None:
        self.nodes = [Node(server)]
        self._server = server

    def any(self) -> Node:
        return random.choice(self.nodes)

    def expire(self, ids: Sequence[int]) -> None:
        self._change(_EXPIRE.format(",".join(map(str, ids))))

    def settle(self) -> None:
        self._change("UPDATE intents SET lease_until = 1")
        self._change("UPDATE attachments SET lease_until = 1 WHERE state = 'purging'")
        self._server.run("sweep")
        told = self._server.run("fsck", "--json", "--rehash").splitlines()
        assert [json.loads(line) for line in told] == [{"findings": 0, "repaired": 0}]
        self._server.stop()
        assert_books_balance(self._server.data_dir)
        self._server.restart()

    def _change(self, statement: str) -> None:
        database = self._server.data_dir / "coatcheck.db"
        with closing(sqlite.connect(database, timeout=30)) as connection, connection:
            connection.execute(statement)


@contextmanager
def two_nodes(home: Path, *, folder: bool) -> Iterator[Site]:
    blobs = (home / "blobs").as_uri() if folder else ""
    with cluster(home, blobs_url=blobs, env=ENV) as nodes:
        yield Shared(nodes)


@contextmanager
def one_node(home: Path) -> Iterator[Site]:
    with running_server(home / "data", env=ENV) as server:
        yield Alone(server)
