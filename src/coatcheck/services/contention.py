"""Doing a transaction again that the database undid, since it and another one waited for each other."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from coatcheck.domain.errors import Contended

T = TypeVar("T")

#: In all. Whoever loses so often is told to come back later.
ATTEMPTS = 5

#: Seconds; doubled each time.
_PAUSE = 0.01


async def persistently(attempt: Callable[[], Awaitable[T]]) -> T:
    """What `attempt` returns: one transaction, and nothing beside it that could not be done twice.

    Raises Contended after `ATTEMPTS` in vain.
    """
    for number in range(ATTEMPTS - 1):
        try:
            return await attempt()
        except Contended:
            # Not both at the same moment again.
            await asyncio.sleep(random.uniform(0, _PAUSE * 2**number))
    return await attempt()
