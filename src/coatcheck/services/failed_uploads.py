"""Uploads that failed with bytes in them, remembered for a while: so that their empty repetition can be told apart.

They are on record for all workers; what cannot be recorded, as the database is what failed, this process still knows.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from contextlib import suppress

from coatcheck.domain.errors import Unavailable
from coatcheck.services.ports import Clock, Transactions

#: How long a failure is remembered, in ms.
REMEMBERED = 10 * 60 * 1000

#: Failures kept by this process; the oldest make way.
_KEPT = 10_000


class FailedUploads:
    """`who` tells senders apart, `name` is what the sender calls the file."""

    def __init__(self, transactions: Transactions, clock: Clock) -> None:
        self._transactions = transactions
        self._clock = clock
        self._here: OrderedDict[tuple[str, str], int] = OrderedDict()

    async def note(self, who: str, name: str) -> None:
        key, now = _key(who, name), self._clock.now()
        self._here[key] = now
        self._here.move_to_end(key)
        while len(self._here) > _KEPT:
            self._here.popitem(last=False)
        with suppress(Unavailable):
            async with self._transactions.write() as facts:
                await facts.failed_uploads.note(*key, now)

    async def forget(self, who: str, name: str) -> None:
        """The bytes came after all."""
        key = _key(who, name)
        if self._here.pop(key, None) is not None:
            async with self._transactions.write() as facts:
                await facts.failed_uploads.forget(*key)

    async def happened_lately(self, who: str, name: str) -> bool:
        key, since = _key(who, name), self._clock.now() - REMEMBERED
        if self._here.get(key, since) > since:
            return True
        async with self._transactions.read() as facts:
            return await facts.failed_uploads.happened_since(*key, since)


def _key(who: str, name: str) -> tuple[str, str]:
    """Neither a secret nor a name of any length goes on record."""
    return _hash(who), _hash(name)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
