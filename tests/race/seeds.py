"""As many seeds as there is time for: `python -m tests.race.seeds storms|duels FIRST LAST`.

In pieces, each in a fresh installation; after each the count so far, its time in seconds, and what came of the deeds.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests import deeds
from tests.race.duels import duels
from tests.race.storms import storms
from tests.sim import reseed, simulate, simulated_core

ROUNDS = {"storms": storms, "duels": duels}

#: The books are slow once much is in them.
PIECE = 500


async def piece(what: str, data_dir: Path, seeds: range) -> Counter[str]:
    async with simulated_core(data_dir, **deeds.BLOBS_ABOVE_1000) as place:
        return await ROUNDS[what](place, await deeds.principal(place), seeds, reseed)


def main(what: str, first: int, last: int) -> None:
    begun, seen = time.monotonic(), Counter[str]()
    for at in range(first, last, PIECE):
        seeds = range(at, min(at + PIECE, last))
        with tempfile.TemporaryDirectory() as directory:
            seen += simulate(at, piece(what, Path(directory), seeds))
        took = time.monotonic() - begun
        print(f"{seeds.stop - first} {what} in {took:.1f} s: {dict(seen)}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
