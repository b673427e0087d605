"""One of several processes that work on the same installation: `python -m tests.race.worker DIRECTORY SEED`.

It waits for a file that says go, then deposits, claims, deletes, reads and sweeps, a bounded number of times, and
writes what came of it to standard output as JSON, and its history into the directory.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from pathlib import Path
from typing import Any

from coatcheck.bootstrap import open_services
from coatcheck.domain.claim import ById
from coatcheck.domain.container import ContainerRef
from coatcheck.domain.errors import (
    AlreadyClaimed,
    CoatcheckError,
    NotFound,
    QuotaExceeded,
    Unavailable,
)
from coatcheck.domain.lifecycle import State
from coatcheck.settings import Settings
from coatcheck.testing.clock import ManualClock
from tests import deeds
from tests.core import Core
from tests.engines import choice
from tests.race.histories import History

#: What may be refused in a race; anything else is a bug.
FAIR = (AlreadyClaimed, NotFound, QuotaExceeded)

ROUNDS = 10


class Worker:
    def __init__(
        self, place: Any, caller: Any, prey: list[int], seed: int, history: History
    ) -> None:
        self._place = place
        self._services = place.services
        self._caller = caller
        self._prey = prey
        self._dice = random.Random(seed)
        self._seed = seed
        self._history = history
        self.won: list[int] = []
        self.gone: list[int] = []
        self.kept: list[int] = []
        self.busy = 0

    async def work(self) -> None:
        await asyncio.gather(*(self._lane(lane) for lane in range(3)), self._sweeps())

    async def _lane(self, lane: int) -> None:
        for n in range(ROUNDS):
            deed = self._dice.choice(
                [self._claim, self._claim, self._delete, self._deposit, self._read]
            )
            try:
                await deed(f"{self._seed}.{lane}.{n}")
            except FAIR:
                pass
            except Unavailable:
                self.busy += 1

    async def _claim(self, name: str) -> None:
        ids = self._dice.sample(self._prey, 2)
        with self._history.of("claim", ids, name):
            await deeds.post(
                self._place,
                self._caller,
                *(ById(id) for id in ids),
                exclusive=True,
                ref=ContainerRef("post", name),
            )
        self.won += ids

    async def _delete(self, _name: str) -> None:
        id = self._dice.choice(self._prey)
        with self._history.of("delete", [id]):
            await self._services.deleting.delete(self._caller, ById(id), [State.DETACHED])
        self.gone.append(id)

    async def _read(self, _name: str) -> None:
        id = self._dice.choice(self._prey + self.kept)
        with self._history.of("read", [id]) as told:
            found = await self._services.downloads.find(self._caller, ById(id))
            told[id] = found.state.value

    async def _deposit(self, name: str) -> None:
        size = self._dice.choice([20, 1500])
        data = deeds.content(size, hash(name) % 10**6)
        with self._history.of("deposit", [], "the tree") as told:
            if self._dice.random() < 0.5:
                made = await deeds.deposit(self._place, self._caller, data)
            else:
                made = await deeds.file_away(self._place, self._caller, data, "shared/image.png")
            told[made.id] = "ok" if made.state is State.DETACHED else made.state.value
        self.kept.append(made.id)

    async def _sweeps(self) -> None:
        for _ in range(3):
            try:
                await self._services.reaping.sweep()
            except Unavailable:
                self.busy += 1


async def main(directory: str, seed: int, token: str, now: int) -> None:
    data_dir = Path(directory)
    places = choice.places_of(data_dir)
    settings = Settings(data_dir=data_dir, quota_bytes=150_000, **deeds.BLOBS_ABOVE_1000, **places)
    clock = ManualClock(now)
    async with open_services(settings, clock) as services:
        place = Core(services, settings, clock, engine=None)  # type: ignore[arg-type]
        caller = await services.keys.authenticate(token)
        prey = json.loads((data_dir / "prey.json").read_text())
        worker = Worker(place, caller, prey, seed, History(data_dir, seed))
        (data_dir / f"ready.{seed}").touch()
        while not (data_dir / "go").exists():
            await asyncio.sleep(0.01)
        await worker.work()
    told = {"won": worker.won, "gone": worker.gone, "kept": worker.kept, "busy": worker.busy}
    print(json.dumps(told))


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])))
    except CoatcheckError as error:
        sys.exit(f"{type(error).__name__}: {error}")
