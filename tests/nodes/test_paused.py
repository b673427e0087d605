"""A node that stands still for longer than its lease, as a machine does that is paused or moved."""

from __future__ import annotations

import hashlib
import os
import secrets
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.nodes.cluster import Cluster, Node, cluster, wait_until
from tests.nodes.sending import Acknowledged, HeldBack, span

SIZE = 6_000_000


@contextmanager
def paused(node: Node) -> Iterator[None]:
    """All its processes stand still, from within; its kernel goes on taking what is sent to them."""
    pids = node.server.pids()
    for pid in reversed(pids):
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@contextmanager
def held_back(
    nodes: Cluster, content: bytes, **headers: str
) -> Iterator[Future[requests.Response]]:
    """An upload through the first node, of which a half has come when the block begins; the rest comes at its end."""
    body = HeldBack(content)
    before = nodes.one("SELECT count(*) FROM intents")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(nodes.nodes[0].post, "/attachments", data=body, headers=headers)
        wait_until(lambda: nodes.one("SELECT count(*) FROM intents") > before)
        try:
            yield answer
        finally:
            body.release()


def assert_refused_and_gone(nodes: Cluster, answer: requests.Response, content: bytes) -> None:
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["retry-after"]) > 0
    digest = hashlib.sha3_256(content).hexdigest()
    for node in nodes.nodes:
        assert node.get(f"/attachments/{digest}").status_code == 404
    nodes.settle()
    assert nodes.charged() == nodes.kept()


def test_what_was_taken_over_from_a_paused_node_it_cannot_finish(nodes: Cluster) -> None:
    first, content = nodes.nodes[0], secrets.token_bytes(SIZE)
    with held_back(nodes, content) as answer, paused(first):
        assert nodes.charged()[1] >= SIZE
        nodes.let_leases_run_out()
        assert len(nodes.sweep()["intents"]) == 1
        assert nodes.charged() == nodes.kept()
    assert_refused_and_gone(nodes, answer.result(), content)


def test_an_upload_goes_on_elsewhere_without_the_part_that_a_paused_node_had(
    nodes: Cluster,
) -> None:
    first, second = nodes.nodes
    content, id = secrets.token_bytes(SIZE), secrets.token_hex(8)
    half = SIZE // 2
    assert span(second, id, content, half, SIZE).status_code == 202
    head = {"Client-Request-ID": id, "Content-Range": f"bytes 0-{half - 1}/{SIZE}"}
    with held_back(nodes, content[:half], **head) as late, paused(first):
        nodes.let_leases_run_out()
        assert len(nodes.sweep()["intents"]) == 1
        assert span(second, id, content, 0, half).status_code == 200
    # Too late, and told so; or its bytes are those that are there already.
    assert late.result().status_code in (200, 503), late.result().text
    acknowledged = Acknowledged()
    acknowledged.add(f"/attachments/{hashlib.sha3_256(content).hexdigest()}", content)
    acknowledged.check(nodes)
    nodes.settle()
    assert nodes.charged() == nodes.kept()


@pytest.mark.thorough
def test_nor_when_its_lease_runs_out_by_itself(tmp_path: Path) -> None:
    settings = {
        "COATCHECK_UPLOAD_LEASE": "30",
        "COATCHECK_REAP_EVERY": "2",
        "COATCHECK_MIN_RATE": "0",  # or the sender counts as too slow
    }
    with cluster(tmp_path, env=settings) as nodes:
        content = secrets.token_bytes(SIZE)
        with held_back(nodes, content) as answer, paused(nodes.nodes[0]):
            began = time.monotonic()
            wait_until(lambda: nodes.rows("SELECT * FROM intents") == [], patience=60)
            assert time.monotonic() - began > 25
            assert nodes.charged() == (0, 0, 0)
        assert_refused_and_gone(nodes, answer.result(), content)
