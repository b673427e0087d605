"""Purging: the bytes of what has expired or was deleted go, then its place in the quota comes back.

In this order, so that a crash leaves a row that a sweep finds, and never bytes that nothing names.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from functools import partial

from coatcheck.blobs.base import BlobStore
from coatcheck.domain.attachment import Due
from coatcheck.domain.errors import Unavailable
from coatcheck.faultpoints import reach
from coatcheck.services.commands import Limits
from coatcheck.services.contention import persistently
from coatcheck.services.erasing import erased
from coatcheck.services.events import Purged
from coatcheck.services.ports import Clock, Transactions, Witness

log = logging.getLogger(__name__)

#: Keys that are held in memory at once: an attachment may have thousands of parts.
_BLOBS = 10_000


class Purging:
    def __init__(
        self,
        transactions: Transactions,
        blobs: BlobStore,
        clock: Clock,
        limits: Limits,
        witness: Witness,
    ) -> None:
        self._transactions = transactions
        self._blobs = blobs
        self._clock = clock
        self._limits = limits
        self._witness = witness

    async def purge_now(self, attachment_ids: Iterable[int]) -> None:
        """What was just deleted, without waiting for a sweep. A failure is left to the sweep."""
        for attachment_id in attachment_ids:
            try:
                await self._purge(await self._choose(1, only=attachment_id))
            except Unavailable:
                log.warning("attachment %s is left to the next sweep", attachment_id)

    async def purge_all(self, at_a_time: int) -> list[Due]:
        """All that nobody else is purging; which. One that fails keeps back no other, and is tried again later."""
        done: list[Due] = []
        while chosen := await persistently(partial(self._choose, at_a_time)):
            done += await self._purge(chosen)
        return done

    async def purge_some(self, limit: int) -> list[Due]:
        """At most so many; which."""
        return await self._purge(await persistently(partial(self._choose, limit)))

    async def _choose(self, limit: int, only: int | None = None) -> list[Due]:
        """Leased to us, so that none is chosen twice."""
        now = self._clock.now()
        async with self._transactions.write() as facts:
            chosen = await facts.lives.begin_purge(now, now + self._limits.lease, limit, only)
            if chosen:
                await reach("R0")
            return chosen

    async def _purge(self, chosen: Sequence[Due]) -> list[Due]:
        """Those whose bytes went, and who were not buried by somebody else meanwhile."""
        if chosen:
            await reach("R1")
        stuck = await self._erase_blobs([due.id for due in chosen])
        return await self._bury([due for due in chosen if due.id not in stuck])

    async def _erase_blobs(self, ids: Sequence[int]) -> set[int]:
        """Of all parts of these attachments; those of which some could not be deleted."""
        stuck: set[int] = set()
        found: list[tuple[int, int, str]] = []
        while ids:
            async with self._transactions.read() as facts:
                beyond = found[-1][0] if found else 0
                found = await facts.attachments.blobs_of(ids, _BLOBS, beyond=beyond)
            if found:
                await reach("R2")
            failed = await erased(self._blobs, [key for _, _, key in found])
            if failed:
                stuck |= {attachment for _, attachment, key in found if key in failed}
                log.warning(
                    "%d blobs could not be deleted, and are tried again later; of these attachments: %s",
                    len(failed),
                    sorted(stuck),
                    exc_info=next(iter(failed.values())),
                )
            if len(found) < _BLOBS:
                break
        return stuck

    async def _bury(self, gone: Sequence[Due]) -> list[Due]:
        """All in one transaction, or, where that fails, one by one, so that one that cannot keeps back no other."""
        if not gone:
            return []
        await reach("R5")
        try:
            buried = await persistently(partial(self._record, [due.id for due in gone]))
        except Unavailable as error:
            log.warning("%d attachments are left to a later sweep: %s", len(gone), error)
            return []
        except Exception:
            if len(gone) == 1:
                log.exception("attachment %s could not be purged", gone[0].id)
                return []
            return [due for each in gone for due in await self._bury([each])]
        await reach("R6")
        if buried:
            self._witness.tell(Purged(attachment_ids=sorted(buried)))
        return [due for due in gone if due.id in buried]

    async def _record(self, ids: Sequence[int]) -> Collection[int]:
        async with self._transactions.write() as facts:
            buried = await facts.lives.purge(ids, self._clock.now())
            await facts.quotas.refund_all(buried.values())
        return buried.keys()
