"""What a soak was promised: each attachment with the digest of what was sent, and what became of it."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from tests.nodes.cluster import Node

GONE = (404, 410)


class Fate(StrEnum):
    DETACHED = "detached"
    IN_HAND = "in hand"
    CLAIMED = "claimed"
    DELETED = "deleted"
    EXPIRED = "expired"
    #: A delete that was never answered: either is right, but nothing in between.
    UNSURE = "unsure"


#: Statuses that a reader may see at the end.
ALLOWED = {
    Fate.DETACHED: (200,),
    Fate.IN_HAND: (200,),
    Fate.CLAIMED: (200,),
    Fate.DELETED: GONE,
    Fate.EXPIRED: GONE,
    Fate.UNSURE: (200, *GONE),
}


@dataclass
class Entry:
    sha256: str
    fate: Fate = Fate.DETACHED


class Ledger:
    """Used by many threads; whoever does something to an attachment takes it first."""

    def __init__(self, seed: int) -> None:
        self._lock = threading.Lock()
        self._dice = Random(seed)
        self._entries: dict[int, Entry] = {}
        self._detached: list[int] = []

    def add(self, id: int, content: bytes) -> None:
        entry = Entry(hashlib.sha256(content).hexdigest())
        with self._lock:
            assert id not in self._entries, f"{id} was given to two uploads"
            self._entries[id] = entry
            self._detached.append(id)

    def take(self) -> int | None:
        """Any that nobody else does something to."""
        with self._lock:
            if not self._detached:
                return None
            place = self._dice.randrange(len(self._detached))
            self._detached[place], self._detached[-1] = self._detached[-1], self._detached[place]
            return self._in_hand(self._detached.pop())

    def take_oldest(self, keep: int) -> list[int]:
        """All but so many."""
        with self._lock:
            surplus = sorted(self._detached)[: max(0, len(self._detached) - keep)]
            self._detached = sorted(self._detached)[len(surplus) :]
            return [self._in_hand(id) for id in surplus]

    def settle(self, id: int, fate: Fate) -> None:
        with self._lock:
            self._entries[id].fate = fate
            if fate is Fate.DETACHED:
                self._detached.append(id)

    def fates(self) -> dict[str, int]:
        return dict(Counter(str(entry.fate) for entry in self._entries.values()))

    def wrong(self, any_node: Callable[[], Node]) -> list[str]:
        """A line for each that is not as it was promised, after everything has been swept."""
        with ThreadPoolExecutor(4) as pool:
            lines = pool.map(lambda each: _wrong(any_node(), *each), self._entries.items())
            return [line for line in lines if line]

    def _in_hand(self, id: int) -> int:
        self._entries[id].fate = Fate.IN_HAND
        return id


def _wrong(node: Node, id: int, entry: Entry) -> str:
    answer = node.get(f"/coatcheck/v1/attachments/{id}/content")
    if answer.status_code not in ALLOWED[entry.fate]:
        return (
            f"{id} was {entry.fate}, and reading it gives {answer.status_code}: {answer.text[:200]}"
        )
    if answer.ok and hashlib.sha256(answer.content).hexdigest() != entry.sha256:
        return f"{id} was {entry.fate}, and has other bytes"
    return ""
