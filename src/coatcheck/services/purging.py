"""Purging: the bytes of what has expired or was deleted go, then its place in the quota comes back.

In this order, so that a crash leaves a row that a sweep finds, and never bytes that nothing names.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import partial

from coatcheck.blobs.base import BlobStore, checked
from coatcheck.domain.attachment import Due
from coatcheck.domain.errors import Unavailable
from coatcheck.services.commands import Limits
from coatcheck.services.contention import persistently
from coatcheck.services.ports import Clock, Transactions

log = logging.getLogger(__name__)


class Purging:
    def __init__(
        self, transactions: Transactions, blobs: BlobStore, clock: Clock, limits: Limits
    ) -> None:
        self._transactions = transactions
        self._blobs = blobs
        self._clock = clock
        self._limits = limits

    async def purge_now(self, attachment_ids: Iterable[int]) -> None:
        """What was just deleted, without waiting for a sweep. A failure is left to the sweep."""
        for attachment_id in attachment_ids:
            try:
                for due in await self._choose(1, only=attachment_id):
                    await self._purge(due)
            except Unavailable:
                log.warning("attachment %s is left to the next sweep", attachment_id)

    async def purge_all(self, at_a_time: int) -> list[Due]:
        """All that nobody else is purging; which. One that fails keeps back no other, and is tried again later."""
        done = []
        while chosen := await self._choose(at_a_time):
            for due in chosen:
                try:
                    await self._purge(due)
                    done.append(due)
                except Unavailable as error:
                    log.warning("attachment %s could not be purged: %s", due.id, error)
                except Exception:
                    log.exception("attachment %s could not be purged", due.id)
        return done

    async def _choose(self, limit: int, only: int | None = None) -> list[Due]:
        """Leased to us, so that none is chosen twice."""
        now = self._clock.now()
        async with self._transactions.write() as facts:
            return await facts.lives.begin_purge(now, now + self._limits.lease, limit, only)

    async def _purge(self, due: Due) -> None:
        async with self._transactions.read() as facts:
            parts = await facts.attachments.parts(due.id)
        for part in parts:
            if part.blob_key:
                await self._blobs.delete(checked(part.blob_key))
        await persistently(partial(self._bury, due))

    async def _bury(self, due: Due) -> None:
        async with self._transactions.write() as facts:
            held = await facts.lives.purge(due.id, self._clock.now())
            if held is not None:
                used, reserved = held
                await facts.quotas.refund(due.owner_id, used=used, reserved=reserved, count=1)
