"""Clients that go on side by side, each in a thread of its own, until a block ends."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import Self

from tests.nodes.cluster import PATIENCE


class Lanes(ABC):
    def __init__(self, count: int) -> None:
        self.over = threading.Event()
        self._threads = [threading.Thread(target=self.lane, args=(n,)) for n in range(count)]

    @abstractmethod
    def lane(self, number: int) -> None:
        """What the client of that number does until it is `over`."""

    def __enter__(self) -> Self:
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for each in self._threads:
            each.join(2 * PATIENCE)
            assert not each.is_alive(), "a client waits for an answer that does not come"
