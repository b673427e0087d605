"""Slotting: blob keys that are handed out, so that somebody else stores the bytes, and what has arrived under them.

A slot is on record, with an intent that a sweep finds, before anybody hears of its key. What has arrived is recorded
when somebody asks; from then on it is a part like any other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from functools import partial

from coatcheck.blobs.base import BlobMissing, BlobStore, checked, new_blob_key
from coatcheck.domain.assembly import received
from coatcheck.domain.attachment import Attachment, Part
from coatcheck.domain.claim import ByPublicId
from coatcheck.domain.errors import Gone
from coatcheck.domain.intent import Intent
from coatcheck.domain.lifecycle import State
from coatcheck.domain.ranges import Span
from coatcheck.domain.slot import Slot
from coatcheck.services.commands import Limits
from coatcheck.services.contention import persistently
from coatcheck.services.ports import Clock, Facts, Transactions
from coatcheck.services.reading import ASKED_AT_ONCE
from coatcheck.services.shielding import to_the_end


class Slotting:
    def __init__(
        self, transactions: Transactions, blobs: BlobStore, clock: Clock, limits: Limits
    ) -> None:
        self._transactions = transactions
        self._blobs = blobs
        self._clock = clock
        self._limits = limits

    async def open(
        self, upload: Attachment, spans: Iterable[Span], *, anew: Collection[int] = ()
    ) -> list[Slot]:
        """A slot for each span that is not there yet, open for as long as a request may take that is signed now.

        Those that begin at one of `anew` get another key than before. Raises Gone for an upload that is not open.
        """
        return await to_the_end(persistently(partial(self._open, upload, list(spans), anew)))

    async def arrived(self, upload: Attachment) -> dict[Slot, int]:
        """The open slots under whose keys there is something, with its size in bytes."""
        async with self._transactions.read() as facts:
            slots = await facts.slots.open(upload)
        found: dict[Slot, int] = {}
        for at in range(0, len(slots), ASKED_AT_ONCE):
            some = slots[at : at + ASKED_AT_ONCE]
            sizes = await asyncio.gather(*map(self._size, some))
            found |= {
                slot: size for slot, size in zip(some, sizes, strict=True) if size is not None
            }
        return found

    async def record(self, upload: Attachment, slots: Collection[Slot]) -> None:
        """What is under their keys are parts of the upload now, if it is still open."""
        await to_the_end(persistently(partial(self._record, upload, slots)))

    async def _open(
        self, upload: Attachment, spans: list[Span], anew: Collection[int]
    ) -> list[Slot]:
        until = self._clock.now() + self._limits.url_life + self._limits.url_slack
        async with self._transactions.write() as facts:
            if not await self._is_open(facts, upload):
                raise Gone
            there = {part.start for part in await facts.attachments.parts(upload.id)}
            before = {slot.start: slot for slot in await facts.slots.open(upload)}
            kept, made = [], []
            for span in spans:
                slot = None if span.start in anew else before.get(span.start)
                if span.start in there:
                    continue
                if slot and await facts.slots.keep_open(upload, slot, until):
                    kept.append(slot)
                else:
                    made.append(_slot(upload, span, until))
            await facts.slots.add(upload.id, made)
        return kept + made

    async def _record(self, upload: Attachment, slots: Collection[Slot]) -> None:
        async with self._transactions.write() as facts:
            if not await self._is_open(facts, upload):
                return
            parts = await facts.attachments.parts(upload.id)
            there = {part.start for part in parts}
            for slot in slots:
                # Sent through us as well: then that counts, and this is left to a sweep. Or a sweep has taken it over.
                if slot.start in there or await facts.intents.settle(slot.intent) is None:
                    continue
                key = slot.intent.blob_key
                part = Part(start=slot.start, size=slot.size, sha256=None, blob_key=key)
                await facts.receiving.add_part(upload.id, part)
                parts.append(part)
            await facts.receiving.progress(
                upload.id, received=received(parts), now=self._clock.now(), values={}
            )

    async def _is_open(self, facts: Facts, upload: Attachment) -> bool:
        """Locked, too: nobody adds to it meanwhile."""
        current = await facts.receiving.begun(
            upload.owner_id,
            upload.dialect,
            ByPublicId(upload.public_id),
            self._clock.now(),
            lock=True,
        )
        return current is not None and current.state is State.RECEIVING

    async def _size(self, slot: Slot) -> int | None:
        try:
            return await self._blobs.size(checked(slot.intent.blob_key))
        except BlobMissing:
            return None


def _slot(upload: Attachment, span: Span, until: int) -> Slot:
    intent = Intent(
        blob_key=new_blob_key(),
        owner_id=upload.owner_id,
        reserved=0,  # the upload as a whole has its reservation
        lease=upload.public_id,
        lease_until=until,
    )
    return Slot(start=span.start, size=span.size, intent=intent)
