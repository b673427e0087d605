"""Reaping: what one sweep does. Any number of sweeps may run at once, in any number of processes."""

from __future__ import annotations

import logging
import secrets
import time
from dataclasses import dataclass, field
from functools import partial

from coatcheck.blobs.base import BlobStore, SweepsLeftovers, checked
from coatcheck.domain.attachment import Due
from coatcheck.domain.errors import Unavailable
from coatcheck.domain.intent import Intent
from coatcheck.faultpoints import reach
from coatcheck.services.commands import Limits
from coatcheck.services.contention import persistently
from coatcheck.services.digests import Digests
from coatcheck.services.events import SweepFailed, Swept
from coatcheck.services.failed_uploads import REMEMBERED
from coatcheck.services.ports import Clock, Transactions, Witness
from coatcheck.services.postponing import Postponing
from coatcheck.services.purging import Purging

log = logging.getLogger(__name__)

#: Rows in one transaction: a sweep never holds the database for long, and a commit is shared by many rows.
BATCH = 400

#: Most rows that a dry run lists.
_LISTED = 10_000


@dataclass
class Sweep:
    """What went, or would go. `expired` says why: expired (claimed by nobody) or abandoned (never completed)."""

    lapsed: list[int] = field(default_factory=list)
    expired: list[Due] = field(default_factory=list)
    purged: list[Due] = field(default_factory=list)
    intents: list[Intent] = field(default_factory=list)
    leftovers: int = 0
    tombstones: int = 0
    replays: int = 0
    digests: int = 0


class Reaping:
    """`grace` in ms lies between the last moment of a claim and the first of a reap."""

    def __init__(
        self,
        *,
        transactions: Transactions,
        blobs: BlobStore,
        clock: Clock,
        limits: Limits,
        purging: Purging,
        digests: Digests,
        witness: Witness,
        grace: int = 60_000,
    ) -> None:
        self._transactions = transactions
        self._blobs = blobs
        self._clock = clock
        self._limits = limits
        self._purging = purging
        self._digests = digests
        self._witness = witness
        self._grace = grace
        self.postponing = Postponing(transactions, clock, limits)

    async def preview(self) -> Sweep:
        """What a sweep would do now; changes nothing."""
        now = self._clock.now()
        async with self._transactions.read() as facts:
            return Sweep(
                expired=await facts.lives.due(now - self._grace, _LISTED),
                purged=await facts.lives.purgeable(now, _LISTED),
                intents=await facts.intents.overdue(now, _LISTED),
            )

    async def sweep(self) -> Sweep:
        """Expire, purge, drop what nobody finished, forget what is old."""
        began = time.monotonic()
        try:
            done = await self._sweep()
        except Exception:
            self._witness.tell(SweepFailed(seconds=time.monotonic() - began))
            raise
        self._witness.tell(
            Swept(
                seconds=time.monotonic() - began,
                expired=[due.id for due in done.expired],
                lapsed=done.lapsed,
                counts={
                    "purged": len(done.purged),
                    "intents": len(done.intents),
                    "leftovers": done.leftovers,
                    "tombstones": done.tombstones,
                    "replays": done.replays,
                    "digests": done.digests,
                },
            )
        )
        return done

    async def _sweep(self) -> Sweep:
        done = Sweep()
        # Of one moment: should the clock jump meanwhile, nobody has looked whether that is to be believed.
        due = self._clock.now()
        await reach("B0")
        while lapsed := await persistently(partial(self._lapse, due)):
            done.lapsed += lapsed
        while batch := await persistently(partial(self._expire, due)):
            done.expired += batch
            done.purged += await self._purging.purge_some(BATCH)
        done.tombstones, done.replays = await persistently(self._forget)
        done.purged += await self._purging.purge_all(BATCH)
        done.intents = await self._drop_intents(due)
        await reach("B1")
        try:
            if isinstance(self._blobs, SweepsLeftovers):
                done.leftovers = await self._blobs.sweep_leftovers(self._limits.lease / 1000)
            await reach("B2")
            done.digests = await self._digests.complete()
        except Unavailable:
            log.exception("the store could not do its part; the next sweep asks again")
        return done

    async def _lapse(self, due: int) -> list[int]:
        """Claims whose lease ran out: what nothing else holds is detached again, with a fresh window."""
        now, limits = self._clock.now(), self._limits
        async with self._transactions.write() as facts:
            lapsed = await facts.claims.lapse(due - self._grace, BATCH)
            await facts.lives.release(lapsed, now, now + limits.detached, limits.lasting)
        return lapsed

    async def _expire(self, due: int) -> list[Due]:
        async with self._transactions.write() as facts:
            return await facts.lives.expire(due - self._grace, BATCH)

    async def _forget(self) -> tuple[int, int]:
        """How many tombstones and answers."""
        now = self._clock.now()
        async with self._transactions.write() as facts:
            tombstones = await facts.lives.forget(now - self._limits.tombstone, _LISTED)
            replays = await facts.replays.forget(now)
            await facts.failed_uploads.forget_before(now - REMEMBERED)
            await facts.rates.forget(now)
            await facts.tallies.fold()
        return tombstones, replays

    async def _drop_intents(self, due: int) -> list[Intent]:
        """Whoever held them can record nothing any more: their bytes go, then their reservation."""
        dropped = []
        while taken := await self._take_over(due):
            for intent in taken:
                try:
                    await self._drop(intent)
                    dropped.append(intent)
                except Unavailable as error:
                    log.warning("blob %s could not be deleted: %s", intent.blob_key, error)
                except Exception:
                    log.exception("blob %s could not be deleted", intent.blob_key)
        return dropped

    async def _take_over(self, due: int) -> list[Intent]:
        """Leased to us, so that none is taken twice; one that fails is taken again later."""
        until = self._clock.now() + self._limits.lease
        async with self._transactions.write() as facts:
            return await facts.intents.take_over(due, secrets.token_hex(16), until, BATCH)

    async def _drop(self, intent: Intent) -> None:
        await self._blobs.delete(checked(intent.blob_key))
        async with self._transactions.write() as facts:
            if reserved := await facts.intents.settle(intent):
                await facts.quotas.refund(intent.owner_id, reserved=reserved)
