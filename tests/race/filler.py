"""One of several processes that fill one owner's limits: `python -m tests.race.filler DIRECTORY SEED TOKEN`.

It waits for a file that says go, tries more than fits, all at once, of one kind after the other as all do, and writes
how much was taken to standard output.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from coatcheck.bootstrap import open_services
from coatcheck.domain.errors import QuotaExceeded, TooMany
from coatcheck.settings import Settings
from coatcheck.testing.clock import ManualClock
from tests import deeds
from tests.core import Core
from tests.engines import choice

PROCESSES = 3

#: What is tried by each process, of each kind.
TRIES = 12

#: How much of it one owner may have.
ATTACHMENTS = 20
OPEN_UPLOADS = 7
PARTS = 10


async def main(data_dir: Path, seed: int, token: str) -> None:
    settings = Settings(
        data_dir=data_dir,
        quota_count=ATTACHMENTS,
        max_open_uploads=OPEN_UPLOADS,
        max_parts=PARTS,
        **choice.places_of(data_dir),
    )
    clock = ManualClock()
    async with open_services(settings, clock) as services:
        place = Core(services, settings, clock, None)  # type: ignore[arg-type]  # nobody looks at the engine
        caller = await services.keys.authenticate(token)
        (data_dir / f"ready.{seed}").touch()
        while not (data_dir / "go").exists():
            await asyncio.sleep(0.01)
        numbers = range(seed * TRIES, (seed + 1) * TRIES)
        total = 10 * TRIES * PROCESSES
        kinds: dict[str, Callable[[int], Awaitable[object]]] = {
            "parts": lambda n: deeds.receive(
                place, deeds.a_part(caller, b"x" * 10, key="one", total=total, start=10 * n)
            ),
            "open uploads": lambda n: deeds.receive(
                place, deeds.a_part(caller, b"x", key=f"k{n}", total=9, start=0)
            ),
            "attachments": lambda n: deeds.deposit(place, caller, deeds.content(30, n)),
        }
        taken = {}
        for kind, attempt in kinds.items():
            taken[kind] = await _taken(map(attempt, numbers))
            (data_dir / f"{kind}.{seed}").touch()
            while len(list(data_dir.glob(f"{kind}.*"))) < PROCESSES:
                await asyncio.sleep(0.01)
    print(json.dumps(taken))


async def _taken(tries: Iterable[Awaitable[object]]) -> int:
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException) and not isinstance(outcome, QuotaExceeded | TooMany):
            raise outcome
    return sum(not isinstance(outcome, BaseException) for outcome in outcomes)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
