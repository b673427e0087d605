"""A deed among others, begun a little later or not, and what came of it."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable

from coatcheck.domain.errors import CoatcheckError, Corrupt


async def counted(
    dice: random.Random,
    outcomes: Counter[str],
    name: str,
    deed: Callable[[], Awaitable[object]],
) -> None:
    """Under its name where it was done, with a ! behind it where it was refused."""
    for _ in range(dice.randint(0, 4)):
        await asyncio.sleep(0)
    try:
        await deed()
        outcomes[name] += 1
    except CoatcheckError as error:
        if isinstance(error, Corrupt):
            raise AssertionError(f"{name} found something damaged") from error
        outcomes[f"{name}!"] += 1
