"""One of several processes that share a rate: `python -m tests.race.taker DIRECTORY SEED TIMES LIMIT`.

It waits for a file that says go, asks ten times, waits for one that says go on, asks so many times in all, and writes
how often it was let through to standard output.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from coatcheck.bootstrap import open_services
from coatcheck.domain.rate import Rate
from coatcheck.settings import Settings
from tests.engines import choice


async def main(data_dir: Path, seed: str, times: int, limit: int) -> None:
    rate = Rate(limit, 3_600_000)
    async with open_services(Settings(data_dir=data_dir, **choice.places_of(data_dir))) as services:

        async def told(ready: str, go: str) -> None:
            (data_dir / f"{ready}.{seed}").touch()
            while not (data_dir / go).exists():
                await asyncio.sleep(0.01)

        async def one() -> bool:
            return not (await services.rationing.take("principal 1", "requests", rate)).exceeded

        async def ten() -> int:  # at once, as requests come
            return sum(await asyncio.gather(*(one() for _ in range(10))))

        await told("ready", "go")
        let_through = await ten()
        await told("begun", "on")
        for _ in range(times // 10 - 1):
            let_through += await ten()
    print(let_through)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
