"""Uploads as clients make them, each request to whichever node, and what was said yes to."""

from __future__ import annotations

import hashlib
import random
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import requests

from tests.nodes.cluster import PATIENCE, Cluster, Node, path_of
from tests.nodes.lanes import Lanes


class Acknowledged:
    """Where each upload can be read that a node said yes to, and the SHA-256 of what was sent."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sent: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._sent)

    def add(self, path: str, content: bytes) -> None:
        with self._lock:
            self._sent[path] = hashlib.sha256(content).hexdigest()

    def check(self, cluster: Cluster) -> None:
        """All of it, from any node."""
        with ThreadPoolExecutor(4) as pool:
            for wrong in pool.map(lambda each: _differs(cluster.any(), *each), self._sent.items()):
                assert not wrong, wrong


def _differs(node: Node, path: str, sha256: str) -> str:
    answer = node.get(path)
    if answer.status_code != 200:
        return f"{path}: {answer.status_code} {answer.text}"
    return "" if hashlib.sha256(answer.content).hexdigest() == sha256 else f"{path}: other bytes"


def deposit(node: Node, content: bytes) -> requests.Response:
    """Through the native API."""
    return node.post("/coatcheck/v1/attachments", data=content)


def content_of(answer: requests.Response) -> str:
    """The path to the bytes of what `deposit` left."""
    return f"{path_of(answer.headers['location'])}/content"


def chunk(
    node: Node, key: str, number: int, data: bytes, total: int, **headers: str
) -> requests.Response:
    """One of attach.fast's."""
    return node.post(
        "/api/large_files",
        files={"file": data},
        data={"chunk": number, "total_size": total, "key": key},
        headers=headers,
    )


def span(node: Node, id: str, content: bytes, start: int, stop: int) -> requests.Response:
    """One of Campr's parts."""
    return node.post(
        "/attachments",
        data=content[start:stop],
        headers={
            "Client-Request-ID": id,
            "Content-Range": f"bytes {start}-{stop - 1}/{len(content)}",
        },
    )


def cut(content: bytes, pieces: int) -> list[tuple[int, int]]:
    size = -(-len(content) // pieces)
    return [(at, min(at + size, len(content))) for at in range(0, len(content), size)]


def shown(node: Node, answer: requests.Response) -> str:
    """The path to the bytes of one of attach.fast's files, from the answer that completed it."""
    return path_of(node.get(path_of(answer.headers["location"])).json()["url"])


class Steady(Lanes):
    """Deposits without a pause from some threads, to all nodes in turn, until the block ends."""

    def __init__(self, cluster: Cluster, sizes: tuple[int, ...], lanes: int = 4) -> None:
        super().__init__(lanes)
        self.acknowledged = Acknowledged()
        self.refused: list[requests.Response] = []
        self.broken = 0
        self._cluster = cluster
        self._sizes = sizes

    def lane(self, number: int) -> None:
        turn = number
        while not self.over.is_set():
            turn += 1
            content = secrets.token_bytes(self._sizes[turn % len(self._sizes)])
            node = self._cluster.nodes[turn // len(self._sizes) % len(self._cluster.nodes)]
            try:
                answer = deposit(node, content)
            except requests.RequestException:
                self.broken += 1  # no answer, no promise
                continue
            if answer.status_code == 201:
                self.acknowledged.add(content_of(answer), content)
            else:
                self.refused.append(answer)
                self.over.wait(0.05)


class HeldBack:
    """A body whose second half is sent when `release` is called."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._released = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        half = len(self._content) // 2
        yield self._content[:half]
        assert self._released.wait(4 * PATIENCE)
        yield self._content[half:]

    def __len__(self) -> int:
        return len(self._content)

    def release(self) -> None:
        self._released.set()


def shuffled(
    deeds: Sequence[Callable[[], requests.Response]], seed: int, lanes: int = 8
) -> list[requests.Response]:
    """Done in parallel, in an order of chance; the answers, in the order that they were given in."""
    order = list(range(len(deeds)))
    random.Random(seed).shuffle(order)
    with ThreadPoolExecutor(lanes) as pool:
        asked = {n: pool.submit(deeds[n]) for n in order}
        return [asked[n].result() for n in range(len(deeds))]
