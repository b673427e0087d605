"""The database, or the store, goes away under load and comes back: clients are told so, and nothing is lost."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engines import postgres
from tests.engines.seaweed import Weed, own_weed
from tests.nodes.cluster import Cluster, Node, cluster, wait_until
from tests.nodes.sending import Steady, deposit

#: Rows alone, one blob, and parts of a multipart upload.
SIZES = (2_000, 90_000, 90_000, 700_000)

#: Within so many seconds of a return, the nodes serve again: «within seconds», on a machine that is busy.
SOON = 20


@dataclass(frozen=True, kw_only=True)
class Outage:
    name: str
    go: Callable[[], None]
    come_back: Callable[[], None]


def live_through(nodes: Cluster, outage: Outage) -> None:
    with Steady(nodes, SIZES) as load:
        wait_until(lambda: len(load.acknowledged) >= 20)
        outage.go()
        wait_until(lambda: len(load.refused) >= 20)
        for node in nodes.nodes:
            status, checks = node.readiness()
            assert status == 503
            assert checks[outage.name] != "ok"
            assert {checks[other] for other in checks.keys() - {outage.name}} == {"ok"}
            assert refused_before_its_body(node).startswith(b"HTTP/1.1 503")
        outage.come_back()
        returned, had = time.monotonic(), len(load.acknowledged)
        wait_until(lambda: all(node.readiness()[0] == 200 for node in nodes.nodes), SOON)
        wait_until(lambda: len(load.acknowledged) >= had + 20)
        print(f"{outage.name}: 20 more {time.monotonic() - returned:.1f} s after its return")
    for answer in load.refused:
        assert answer.status_code == 503, answer.text
        assert int(answer.headers["retry-after"]) > 0
        assert "psycopg" not in answer.text
        assert "127.0.0.1:" not in answer.text
    assert load.broken == 0, "a node hung up on its clients"
    for node in nodes.nodes:
        assert deposit(node, secrets.token_bytes(90_000)).status_code == 201
    load.acknowledged.check(nodes)
    nodes.settle()
    assert nodes.charged() == nodes.kept()


def refused_before_its_body(node: Node) -> bytes:
    """The answer to the head of an upload that waits for leave to go on: `100 Continue`, or what else it is told."""
    host, port = node.url.removeprefix("http://").split(":")
    head = [
        "POST /coatcheck/v1/attachments HTTP/1.1",
        f"Host: {host}",
        f"Authorization: {node.server.headers()['Authorization']}",
        "Content-Length: 100000000",
        "Expect: 100-continue",
        "",
        "",
    ]
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall("\r\n".join(head).encode())
        return connection.recv(4096)


@contextmanager
def everything(home: Path) -> Iterator[tuple[Cluster, postgres.Postgres, Weed]]:
    """Nodes on a database and a store of their own."""
    postgres.required()
    with (
        postgres.server() as database,
        own_weed(home / "weed") as store,
        cluster(
            home,
            database_url=database.make("nodes", "coatcheck_template"),
            blobs_url=store.url("nodes", timeout=5),
        ) as nodes,
    ):
        yield nodes, database, store


def test_while_database_or_store_are_away_nodes_say_so_and_serve_again_when_they_are_back(
    tmp_path: Path,
) -> None:
    with everything(tmp_path) as (nodes, database, store):
        for go in (database.stop, database.kill):
            live_through(nodes, Outage(name="database", go=go, come_back=database.start))
        live_through(nodes, Outage(name="blobs", go=store.kill, come_back=store.start))
        # What fits into a row needs no store.
        store.kill()
        assert deposit(nodes.any(), b"small").status_code == 201
        store.start()
        nodes.settle()


@pytest.mark.thorough
@pytest.mark.timeout(900)
def test_also_when_everything_is_killed_again_and_again(tmp_path: Path) -> None:
    with everything(tmp_path) as (nodes, database, store):
        for _ in range(5):
            live_through(nodes, Outage(name="database", go=database.kill, come_back=database.start))
            live_through(nodes, Outage(name="blobs", go=store.kill, come_back=store.start))
