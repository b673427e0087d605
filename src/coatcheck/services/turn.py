"""A turn: what one process alone may be at, wherever it runs. A lease in the database, renewed as long as it lasts."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from coatcheck.domain.errors import CoatcheckError, Unavailable
from coatcheck.services.ports import Clock, Transactions
from coatcheck.services.shielding import meanwhile

log = logging.getLogger(__name__)

#: ms after which the turn of one that died is over.
LEASE = 15_000


class Turn:
    def __init__(
        self, transactions: Transactions, clock: Clock, name: str, *, lease: int = LEASE
    ) -> None:
        self._transactions = transactions
        self._clock = clock
        self._name = name
        self._lease = lease
        self._holder = secrets.token_hex(8)
        self._held = ""
        self._until = 0

    @asynccontextmanager
    async def held(self, lost: Callable[[], object]) -> AsyncIterator[None]:
        """For the block; `lost` is called where it has to end. One that has died is waited for.

        Raises Unavailable where another is at it.
        """
        if left := await self._take():
            log.warning("another is at it, or has died: it has %.0f s to tell", left / 1000)
            await asyncio.sleep(left / 1000)
            if await self._take():
                raise Unavailable("Another process is at it.", retry_after=60)
        try:
            async with meanwhile(self._renew(lost), f"turn of {self._name}"):
                yield
        finally:
            with suppress(CoatcheckError):
                async with self._transactions.write() as facts:
                    await facts.installed.remove(self._name, self._held)

    async def _take(self) -> int:
        """Or go on with it. The ms that another has left, if it is another's."""
        now = self._clock.now()
        mine = json.dumps({"holder": self._holder, "until": now + self._lease})
        async with self._transactions.write() as facts:
            if not await facts.installed.add(self._name, mine):
                found = json.loads(await facts.installed.get(self._name, lock=True) or "{}")
                left: int = found.get("until", 0) - now
                # One that ends far ahead was taken before the clock was set back.
                if found.get("holder") != self._holder and 0 < left <= 2 * self._lease:
                    return left
                await facts.installed.put(self._name, mine)
        self._held, self._until = mine, now + self._lease
        return 0

    async def _renew(self, lost: Callable[[], object]) -> None:
        while True:
            await asyncio.sleep(self._lease / 3000)
            try:
                over = await self._take() > 0
            except Exception as error:
                log.warning("a turn could not be renewed: %s", error)
                over = self._clock.now() >= self._until
            if over:
                log.error("the turn is over: another may be at it")
                lost()
                return
