"""Counting what is on record, for those who watch: seldom, and never by looking at all of it."""

from __future__ import annotations

import time

from coatcheck.domain.census import Census
from coatcheck.domain.errors import Unavailable
from coatcheck.services.ports import Transactions

#: Seconds for which a count holds.
_FRESH = 60


class Censuses:
    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._counted = -float(_FRESH)
        self._census = Census()

    async def latest(self) -> Census:
        """A minute old at most; older while the database is away."""
        now = time.monotonic()
        if now - self._counted >= _FRESH:
            self._counted = now  # whoever asks meanwhile gets the last one
            try:
                async with self._transactions.read() as facts:
                    self._census = await facts.tallies.census()
            except Unavailable:
                self._counted = -float(_FRESH)
        return self._census
