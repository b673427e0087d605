"""Bytes at rest before anything is recorded of them: in memory when small, else in a blob that an intent names."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from traceback import clear_frames

from coatcheck.blobs.base import BlobKey, BlobStore, Remote, new_blob_key
from coatcheck.domain.deposit import Stash
from coatcheck.domain.digest import Digest
from coatcheck.domain.errors import DigestMismatch, OutcomeUnknown, Unavailable
from coatcheck.domain.intent import Intent
from coatcheck.faultpoints import reach
from coatcheck.services.attempts import lease_lost
from coatcheck.services.commands import Limits
from coatcheck.services.intake import Held, Intake
from coatcheck.services.ports import Body, Clock, Facts, ImageProbe, Transactions
from coatcheck.services.refusing import out_of_quota
from coatcheck.services.room import STEP, Room
from coatcheck.services.shielding import to_the_end

#: Bytes of quota set aside at a time where the size is not known beforehand.
_GRANT = 8 * 1024 * 1024


class _Lease:
    """An intent kept alive, and its reservation kept ahead of the bytes."""

    def __init__(
        self,
        intent: Intent,
        transactions: Transactions,
        clock: Clock,
        duration: int,
        *,
        reserve: bool,
    ) -> None:
        self.intent = intent
        self._transactions = transactions
        self._clock = clock
        self._duration = duration
        self._reserve = reserve

    async def cover(self, size: int) -> None:
        """Called before bytes are stored. Raises QuotaExceeded, or Unavailable when a sweep took the intent over."""
        now = self._clock.now()
        short = self._reserve and size > self.intent.reserved
        if not short and self.intent.lease_until - now > self._duration // 2:
            return
        intent, until, more = self.intent, now + self._duration, 0
        async with self._transactions.write() as facts:
            if short:
                more = await _reserve_more(facts, intent.owner_id, size - intent.reserved)
            if not await facts.intents.renew(intent, until, more=more):
                raise lease_lost("upload")
        self.intent = replace(intent, reserved=intent.reserved + more, lease_until=until)


async def _reserve_more(facts: Facts, owner_id: int, needed: int) -> int:
    """A whole grant where the quota has room for it, else what is needed; how much."""
    for size in (max(needed, _GRANT), needed):
        if await facts.quotas.reserve(owner_id, size):
            return size
    raise await out_of_quota(facts, owner_id)


class Stashing:
    def __init__(
        self,
        transactions: Transactions,
        blobs: BlobStore,
        clock: Clock,
        limits: Limits,
        room: Room,
        probe: Callable[[], ImageProbe] | None = None,
    ) -> None:
        self._transactions = transactions
        self._blobs = blobs
        self._clock = clock
        self._limits = limits
        self._room = room
        self._probe = probe
        self._together = Held()

    @asynccontextmanager
    async def stashed(
        self,
        owner_id: int,
        body: Body,
        *,
        algorithms: Iterable[str],
        max_size: int,
        size: int | None,
        reserve: bool,
        expected: Sequence[Digest] = (),
    ) -> AsyncIterator[Stash]:
        """The body, at rest. When the block raises, bytes and reservation are gone again, unless recorded.

        Raises DigestMismatch where the body has not the `expected` digests, StorageFull where the disk has no room.
        """
        self._room.require(size)
        algorithms = {*algorithms, *(digest.algorithm for digest in expected)}
        lease: _Lease | None = None
        looked = 0

        async def cover(count: int) -> None:
            nonlocal looked
            if count - looked >= STEP:
                self._room.took(count - looked)
                looked = count
            if lease:
                await lease.cover(count)

        intake = Intake(
            body,
            algorithms=algorithms,
            max_size=max_size,
            expected=size,
            passing=cover,
            probe=self._probe() if self._probe else None,
            together=self._together,
        )
        with intake:
            inline = await intake.taste(self._limits.inline_max)
            if inline is not None:
                digests = _confirmed(intake.digests(), expected)
                yield _stash(intake, digests, inline=inline)
                return
            intent = Intent(
                blob_key=new_blob_key(),
                owner_id=owner_id,
                reserved=size if reserve and size is not None else 0,
                lease=secrets.token_hex(16),
                lease_until=self._clock.now() + self._limits.lease,
            )
            await self._begin_beside(intent, intake)
            lease = _Lease(
                intent, self._transactions, self._clock, self._limits.lease, reserve=reserve
            )
            stored = handed_over = False
            try:
                await self._blobs.put(BlobKey(intent.blob_key), intake)
                stored = True
                digests = _confirmed(intake.digests(), expected)
                handed_over = True
                yield _stash(intake, digests, intent=lease.intent)
            except BaseException as error:
                # Or what they hold of the body is in memory until all of this is done.
                clear_frames(error.__traceback__)
                # A store behind a network may carry out what it was sent when we have long given it up.
                away = isinstance(error, Unavailable) and "lease" not in error.facts
                late = not stored and away and isinstance(self._blobs, Remote)
                await self._give_up(lease.intent, late=late, unnamed=not handed_over)
                raise

    async def discard(self, intent: Intent, *, late: bool = False, unnamed: bool = False) -> None:
        """Give up a blob unless a row names it: bytes first, then the intent with its reservation.

        While the intent is there, no row names the blob, since both change in one transaction: so this is right
        also when nobody knows how a commit went. Where a sweep has taken the intent over, it may have looked for
        the blob before that was there: then the intent is ours again, and the bytes go here, as only their writer
        could have recorded them. A crash in between leaves the intent, and a sweep does the same.

        Where the bytes may come `late`, the intent stays without its reservation, so that a sweep looks once more.
        `unnamed` is a blob of which nobody has been told who could have recorded it: if no sweep can have its intent
        either, its bytes go without a question. Of thousands who hang up at once that is a third of the work.
        """
        now = self._clock.now()
        again = replace(intent, reserved=0, lease_until=now + self._limits.lease)
        # Where bytes may come late it has to stay ours, however long a store that is away takes to delete.
        if late or not unnamed or intent.lease_until - now <= self._limits.lease // 2:
            async with self._transactions.write() as facts:
                if not await facts.intents.renew(intent, again.lease_until):
                    if await facts.attachments.known_blobs([intent.blob_key]):
                        return
                    await facts.intents.take_back(again)
        await self._blobs.delete(BlobKey(intent.blob_key))
        async with self._transactions.write() as facts:
            reserved = await facts.intents.settle(intent)
            if reserved is None:
                return
            await facts.quotas.refund(intent.owner_id, reserved=reserved)
            if late:
                await facts.intents.add(again)

    async def _give_up(self, intent: Intent, *, late: bool = False, unnamed: bool) -> None:
        with suppress(Unavailable):  # a sweep finds the intent
            await to_the_end(self.discard(intent, late=late, unnamed=unnamed))

    async def _begin_beside(self, intent: Intent, intake: Intake) -> None:
        """While the intent becomes durable the body comes on: both take about as long."""
        beginning = asyncio.create_task(self._begin(intent))
        try:
            try:
                await intake.read_while(beginning)
            finally:
                await to_the_end(beginning)
            await reach("U1")
        except BaseException:
            failure = beginning.exception()
            if failure is None or isinstance(failure, OutcomeUnknown):  # it may have begun
                await self._give_up(intent, unnamed=failure is None)
            raise

    async def _begin(self, intent: Intent) -> None:
        async with self._transactions.write() as facts:
            if intent.reserved and not await facts.quotas.reserve(intent.owner_id, intent.reserved):
                raise await out_of_quota(facts, intent.owner_id)
            await reach("Q0")
            await facts.intents.add(intent)


def _stash(
    intake: Intake,
    digests: dict[str, str],
    *,
    inline: bytes | None = None,
    intent: Intent | None = None,
) -> Stash:
    return Stash(
        size=intake.size,
        digests=digests,
        head=intake.head,
        dimensions=intake.dimensions,
        inline=inline,
        intent=intent,
    )


def _confirmed(digests: dict[str, str], expected: Sequence[Digest]) -> dict[str, str]:
    for digest in expected:
        if digests[digest.algorithm] != digest.hex:
            raise DigestMismatch(algorithm=digest.algorithm)
    return digests
