"""One upload through several nodes, and nodes that die in the middle of it."""

from __future__ import annotations

import hashlib
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import requests

from tests.nodes.cluster import Cluster, path_of, wait_until
from tests.nodes.sending import (
    Acknowledged,
    chunk,
    content_of,
    cut,
    deposit,
    shown,
    shuffled,
    span,
)

#: Chunks of it lie in the store, those of a smaller file in rows.
LARGE, SMALL = 1_500_000, 200_000


@pytest.mark.parametrize("size", [LARGE, SMALL])
def test_chunks_of_one_file_through_all_nodes_in_any_order_make_one_file(
    nodes: Cluster, size: int
) -> None:
    acknowledged = Acknowledged()
    for round in range(4):
        content, key = secrets.token_bytes(size), f"{secrets.token_hex(6)}.bin"
        pieces = cut(content, 7)
        answers = shuffled(
            [
                partial(chunk, nodes.any(), key, n, content[start:stop], size)
                for n, (start, stop) in enumerate(pieces, 1)
            ],
            seed=round,
        )
        assert sorted(each.status_code for each in answers) == [201] + [202] * 6, [
            each.text for each in answers
        ]
        (complete,) = (each for each in answers if each.status_code == 201)
        last = answers.index(complete)
        start, stop = pieces[last]
        for node in nodes.nodes:  # whoever did not hear the answer asks again, wherever
            again = chunk(node, key, last + 1, content[start:stop], size)
            assert again.status_code == 201
            assert path_of(again.headers["location"]) == path_of(complete.headers["location"])
        acknowledged.add(shown(nodes.any(), complete), content)
    acknowledged.check(nodes)
    assert nodes.one("SELECT count(*) FROM attachments WHERE state = 'receiving'") == 0
    assert nodes.charged() == nodes.kept()


@pytest.mark.parametrize("size", [LARGE, SMALL])
def test_ranges_that_overlap_and_come_to_each_node_make_one_attachment(
    nodes: Cluster, size: int
) -> None:
    acknowledged = Acknowledged()
    before = nodes.kept()[2]
    for round in range(4):
        content, id = secrets.token_bytes(size), secrets.token_hex(12)
        ranges = cut(content, 5) + [(start // 2, stop - 7) for start, stop in cut(content, 2)]
        answers = shuffled(
            [
                partial(span, node, id, content, start, stop)
                for start, stop in ranges
                for node in nodes.nodes
            ],
            seed=round,
        )
        assert {each.status_code for each in answers} == {200, 202}, [each.text for each in answers]
        digests = {
            each.json()["attachment"]["digest"] for each in answers if each.status_code == 200
        }
        assert digests == {hashlib.sha3_256(content).hexdigest()}
        acknowledged.add(f"/attachments/{digests.pop()}", content)
    acknowledged.check(nodes)
    assert nodes.kept()[2] == before + 4
    assert nodes.charged() == nodes.kept()


def test_chunks_with_other_bytes_under_one_number_are_refused_by_all_nodes_but_one(
    nodes: Cluster,
) -> None:
    key, total = f"{secrets.token_hex(6)}.bin", 300_000
    contents = [secrets.token_bytes(150_000) for _ in range(6)]
    answers = shuffled(
        [
            partial(chunk, nodes.nodes[n % 2], key, 1, content, total)
            for n, content in enumerate(contents)
        ],
        seed=0,
    )
    taken = [answer.status_code == 202 for answer in answers]
    assert taken.count(True) == 1, [each.text for each in answers]
    rest = secrets.token_bytes(150_000)
    complete = chunk(nodes.any(), key, 2, rest, total)
    assert complete.status_code == 201
    acknowledged = Acknowledged()
    acknowledged.add(shown(nodes.any(), complete), contents[taken.index(True)] + rest)
    acknowledged.check(nodes)


class _Sender:
    """Sends files in chunks, to a node that may die, and then to the others."""

    def __init__(self, nodes: Cluster, name: str) -> None:
        self._name = name
        self.acknowledged = Acknowledged()
        self.chunks = 0
        self._nodes = nodes
        self._lock = threading.Lock()

    def send(self, number: int) -> None:
        content, key = (
            secrets.token_bytes([400_000, 150_000][number % 2]),
            f"{self._name}-{number}.bin",
        )
        node = self._nodes.nodes[0]
        pieces = list(enumerate(cut(content, 4), 1))
        while pieces:
            n, (start, stop) = pieces[0]
            try:
                answer = chunk(node, key, n, content[start:stop], len(content))
            except requests.RequestException:
                node = self._nodes.nodes[1]
                continue
            assert answer.status_code in (201, 202), answer.text
            pieces.pop(0)
            with self._lock:
                self.chunks += 1
            if not pieces:
                assert answer.status_code == 201
                # Asked of one that stays: the answer may have been the last word of the other.
                self.acknowledged.add(shown(self._nodes.nodes[1], answer), content)


def kill_one_in_the_middle(nodes: Cluster, rounds: int) -> None:
    first = nodes.nodes[0].server
    kept = Acknowledged()
    for round in range(rounds):
        sender = _Sender(nodes, f"round{round}")
        whole = deposit(nodes.nodes[0], content := secrets.token_bytes(100_000))
        assert whole.status_code == 201
        kept.add(content_of(whole), content)
        enough = 3 + 7 * round % 40
        with ThreadPoolExecutor(8) as pool:
            sent = [pool.submit(sender.send, n) for n in range(16)]
            wait_until(lambda sender=sender, enough=enough: sender.chunks > enough)  # type: ignore[misc]
            first.kill()
            for each in sent:
                each.result()
        assert len(sender.acknowledged) == 16
        first.restart()
        sender.acknowledged.check(nodes)
    kept.check(nodes)
    nodes.settle()
    assert nodes.one("SELECT count(*) FROM attachments WHERE state = 'receiving'") == 0
    assert nodes.charged() == nodes.kept()


def test_when_a_node_is_killed_in_the_middle_of_uploads_another_goes_on_with_them(
    nodes: Cluster,
) -> None:
    kill_one_in_the_middle(nodes, rounds=1)


@pytest.mark.thorough
def test_also_when_it_is_killed_again_and_again(nodes: Cluster) -> None:
    kill_one_in_the_middle(nodes, rounds=15)
