"""Rationing: rates that all workers and nodes hold together, at few transactions.

A process takes a share of a rate from the database, and spends it without asking anybody. Shares begin with one, double
while they are used up, and shrink towards the limit; what is not spent soon is given back. So all together never exceed
a rate, and nobody is refused for what lies idle with another process longer than for a moment.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from coatcheck.domain.errors import CoatcheckError
from coatcheck.domain.rate import Grant, Rate, Standing, seconds
from coatcheck.services.contention import persistently
from coatcheck.services.ports import Clock, Transactions

log = logging.getLogger(__name__)

#: In ms: so long a refusal is repeated without asking again, as others may give back; and a share that lasts longer is
#: large enough.
_SOON = 1_000

#: Of so many (who, kind) a process remembers the share; what the least used ones have left is lost.
_REMEMBERED = 20_000

Key = tuple[str, str]


@dataclass(slots=True)
class _Share:
    """What this process has of a rate. `taken` of it were spent or shared out when somebody last asked."""

    left: int = 0
    taken: int = 0
    ends_at: int = 0
    size: int = 0
    asked_at: int = 0
    refused: bool = False
    idle: bool = False
    waiting: int = 0
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    def standing(self, rate: Rate, now: int, *, exceeded: bool = False) -> Standing:
        remaining = max(0, rate.limit - self.taken + self.left)
        reset = min(rate.window, self.ends_at - now)
        return Standing(rate.limit, 0 if exceeded else remaining, seconds(reset), exceeded)


class Rationing:
    """`idle` in seconds is how long a share may lie unspent."""

    def __init__(self, transactions: Transactions, clock: Clock, *, idle: float = 1.0) -> None:
        self._transactions = transactions
        self._clock = clock
        self._idle = idle
        self._shares: OrderedDict[Key, _Share] = OrderedDict()
        self._held: set[Key] = set()  # with something left
        self._giving_back: asyncio.Task[None] | None = None

    async def take(self, who: str, kind: str, rate: Rate) -> Standing:
        """Count one; `exceeded` says that it was one too many. Raises Unavailable."""
        now = self._clock.now()
        share = self._share((who, kind))
        if share.left and now < share.ends_at:
            share.left -= 1
            share.idle = False
            return share.standing(rate, now)
        share.waiting += 1
        try:
            async with share.asking:
                return await self._ask_and_take((who, kind), share, rate)
        finally:
            share.waiting -= 1

    def look(self, who: str, kind: str, rate: Rate) -> Standing:
        """The standing as far as this process knows it, without counting."""
        now = self._clock.now()
        share = self._shares.get((who, kind))
        if share is None or share.ends_at <= now:
            return Standing(rate.limit, rate.limit, seconds(rate.window))
        return share.standing(rate, now)

    async def standings(self, who: str, rates: Mapping[str, Rate]) -> dict[str, Standing]:
        """By kind, as all processes together have it. Raises Unavailable."""
        now = self._clock.now()
        async with self._transactions.read() as facts:
            taken = await facts.rates.taken(who, now)
        found = {}
        for kind, rate in rates.items():
            count, ends_at = taken.get(kind, (0, now + rate.window))
            share = self._shares.get((who, kind))
            left = share.left if share and share.ends_at == ends_at else 0
            found[kind] = _Share(left, count, ends_at).standing(rate, now)
        return found

    async def close(self) -> None:
        if self._giving_back:
            self._giving_back.cancel()
            with suppress(asyncio.CancelledError):
                await self._giving_back

    def _share(self, key: Key) -> _Share:
        share = self._shares.get(key)
        if share is None:
            share = self._shares[key] = _Share()
            while len(self._shares) > _REMEMBERED:
                self._held.discard(self._shares.popitem(last=False)[0])
        self._shares.move_to_end(key)
        return share

    async def _ask_and_take(self, key: Key, share: _Share, rate: Rate) -> Standing:
        """In its turn: whoever was before may have brought enough for all that waited."""
        now = self._clock.now()
        if now >= share.ends_at or not share.left:
            if share.refused and now < share.ends_at and _soon_after(share.asked_at, now):
                return share.standing(rate, now, exceeded=True)
            await self._ask(key, share, rate, now)
        if not share.left:
            return share.standing(rate, now, exceeded=True)
        share.left -= 1
        share.idle = False
        if share.left:
            self._hold(key)
        return share.standing(rate, now)

    async def _ask(self, key: Key, share: _Share, rate: Rate, now: int) -> None:
        # What is used up soon was too little.
        wanted = max(1, share.waiting, 2 * share.size if _soon_after(share.asked_at, now) else 1)

        async def attempt() -> Grant:
            async with self._transactions.write() as facts:
                return await facts.rates.take(*key, rate, wanted, now)

        grant = await persistently(attempt)
        share.left = share.size = grant.size
        share.taken, share.ends_at = grant.taken, grant.ends_at
        share.asked_at, share.refused = now, not grant.size

    def _hold(self, key: Key) -> None:
        self._held.add(key)
        if self._giving_back is None or self._giving_back.done():
            self._giving_back = asyncio.create_task(self._give_back(), name="rationing")

    async def _give_back(self) -> None:
        """What lies idle, again and again, as long as anything may."""
        while self._held:
            await asyncio.sleep(self._idle)
            if idle := self._let_go():
                try:
                    async with self._transactions.write() as facts:
                        await facts.rates.give_back(idle)
                except CoatcheckError as error:  # it is lost until the window ends
                    log.debug("shares could not be given back: %s", error)

    def _let_go(self) -> list[tuple[str, str, int, int]]:
        """Those that nothing was spent of since the last look."""
        idle = []
        for key in list(self._held):
            share = self._shares.get(key)
            if share is None:  # forgotten meanwhile
                self._held.discard(key)
                continue
            if share.left and not share.idle:
                share.idle = True
                continue
            self._held.discard(key)
            if share.left:
                idle.append((*key, share.ends_at, share.left))
                share.taken -= share.left
                share.left = 0
        return idle


def _soon_after(before: int, now: int) -> bool:
    return 0 <= now - before < _SOON
