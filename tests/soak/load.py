"""What clients do all day, at a steady pace: of ten deeds seven uploads, two claims and one delete."""

from __future__ import annotations

import random
import secrets
import threading
import time
from dataclasses import dataclass

import requests

from tests.nodes.cluster import Node
from tests.nodes.lanes import Lanes
from tests.nodes.sending import deposit
from tests.soak.ledger import GONE, Fate, Ledger

#: Bytes: rows alone, single blobs, and now and then what S3 takes in parts.
SIZES = (100, 2_000, 2_000, 40_000, 70_000, 90_000, 300_000)
LARGE, LARGE_EVERY = 6_000_000, 200


@dataclass(frozen=True)
class Mishap:
    """An answer that nobody wants, or, with the status 0, none."""

    at: float
    node: int
    deed: str
    status: int
    says: str
    #: Whether the answer says when to come again.
    patient: bool


class Mixed(Lanes):
    """From some threads, until the block ends; each deed goes to whichever node."""

    def __init__(self, nodes: list[Node], ledger: Ledger, *, lanes: int, pace: float) -> None:
        super().__init__(lanes)
        self.done = 0
        self.mishaps: list[Mishap] = []
        self._nodes = nodes
        self._ledger = ledger
        self._pause = lanes / pace
        self._lock = threading.Lock()

    def lane(self, number: int) -> None:
        dice = random.Random(number)
        while not self.over.wait(dice.uniform(0, 2 * self._pause)):
            deed = dice.choices((self._upload, self._claim, self._delete), (70, 20, 10))[0]
            at = dice.randrange(len(self._nodes))
            problem: requests.Response | None = None
            try:
                problem = deed(self._nodes[at], dice)
                broken = ""
            except requests.RequestException as error:
                broken = str(error)
                self.over.wait(0.2)  # as a client does whose server is away
            with self._lock:
                self.done += 1
                if problem is not None or broken:
                    name = deed.__name__.removeprefix("_")
                    self.mishaps.append(_mishap(at, name, problem, broken))

    def _upload(self, node: Node, dice: random.Random) -> requests.Response | None:
        size = LARGE if dice.randrange(LARGE_EVERY) == 0 else dice.choice(SIZES)
        content = secrets.token_bytes(size)
        answer = deposit(node, content)
        if answer.status_code != 201:
            return answer
        self._ledger.add(int(answer.json()["id"]), content)
        return None

    def _claim(self, node: Node, dice: random.Random) -> requests.Response | None:
        if (id := self._ledger.take()) is None:
            return self._upload(node, dice)
        container = {"kind": "ticket", "id": secrets.token_hex(8)}
        asked = {"container": container, "attachments": [{"id": id}]}
        try:
            answer = node.post("/coatcheck/v1/claims", json=asked)
        except requests.RequestException:
            self._ledger.settle(id, Fate.CLAIMED)  # or still detached: it is there either way
            raise
        self._ledger.settle(id, Fate.CLAIMED if answer.ok else Fate.DETACHED)
        return None if answer.ok else answer

    def _delete(self, node: Node, dice: random.Random) -> requests.Response | None:
        if (id := self._ledger.take()) is None:
            return self._upload(node, dice)
        try:
            answer = node.ask("DELETE", f"/coatcheck/v1/attachments/{id}")
        except requests.RequestException:
            self._ledger.settle(id, Fate.UNSURE)
            raise
        self._ledger.settle(id, Fate.DELETED if answer.ok else Fate.DETACHED)
        return None if answer.ok or answer.status_code in GONE else answer


def _mishap(node: int, deed: str, answer: requests.Response | None, broken: str) -> Mishap:
    now = time.monotonic()
    if answer is None:
        return Mishap(now, node, deed, 0, broken, patient=False)
    patient = "retry-after" in answer.headers
    return Mishap(now, node, deed, answer.status_code, answer.text[:300], patient=patient)
