"""Receiving: an upload that comes in parts, in any order, at once, and more than once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from coatcheck.blobs.base import BlobStore
from coatcheck.domain.assembly import Fit, fit, received, whole
from coatcheck.domain.attachment import Attachment, Draft, Part
from coatcheck.domain.deposit import Stash
from coatcheck.domain.digest import SHA256
from coatcheck.domain.errors import (
    Corrupt,
    Gone,
    Overlap,
    SizeMismatch,
    TooLarge,
    TooMany,
    Unavailable,
)
from coatcheck.domain.lifecycle import State
from coatcheck.faultpoints import reach
from coatcheck.services.attempts import lease_lost
from coatcheck.services.commands import Completion, Limits, Placement, Receive
from coatcheck.services.completing import Completing
from coatcheck.services.contention import persistently
from coatcheck.services.names import new_public_id, upload_key
from coatcheck.services.opening import open_upload
from coatcheck.services.ports import Clock, Facts, Transactions
from coatcheck.services.reading import Reading, same_bytes
from coatcheck.services.refusing import out_of_quota
from coatcheck.services.running_digests import RunningDigests
from coatcheck.services.shielding import to_the_end
from coatcheck.services.stashing import Stashing


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a chunked upload stands after a part; `attachment` is complete or still receiving."""

    attachment: Attachment

    @property
    def complete(self) -> bool:
        return self.attachment.state is not State.RECEIVING


@dataclass(frozen=True, slots=True)
class _Placed:
    """The upload after an attempt to place a part; `parts` are those it has, `place` how the new one lies in them."""

    upload: Attachment
    parts: list[Part]
    place: Fit

    @property
    def undecided(self) -> bool:
        return bool(self.place.compare)


class Receiving:
    def __init__(
        self,
        transactions: Transactions,
        blobs: BlobStore,
        clock: Clock,
        limits: Limits,
        stashing: Stashing,
        running: RunningDigests,
        completing: Completing,
    ) -> None:
        self._transactions = transactions
        self._reading = Reading(transactions, blobs)
        self._clock = clock
        self._limits = limits
        self._stashing = stashing
        self._running = running
        self._completing = completing

    async def receive(self, command: Receive) -> Progress:
        """See Uploads."""
        if command.known:
            await self._refuse_early(command, command.known)
        async with self._stashing.stashed(
            command.caller.id,
            command.body,
            algorithms={SHA256},
            max_size=command.max_part_size,
            size=command.size,
            reserve=False,  # the upload as a whole has its reservation
            expected=command.expected,
        ) as stash:
            await reach("K1")
            placement = await command.place(stash.head)
            if placement.total > command.max_size:
                raise TooLarge(limit=command.max_size, field="total")
            return await to_the_end(self._take(command, placement, stash))

    async def _refuse_early(self, command: Receive, placement: Placement) -> None:
        """What can be refused before the body is taken."""
        if placement.total > command.max_size:
            raise TooLarge(limit=command.max_size, field="total")
        async with self._transactions.read() as facts:
            upload = await self._find(facts, command, placement)
            if upload and upload.state is not State.RECEIVING and not command.replay_any:
                return  # the body will tell whether it begins another upload
            if upload and upload.size != placement.total:
                raise SizeMismatch(total=upload.size)
            if upload is None:
                usage = await facts.quotas.usage(command.caller.id)
                if usage.available is not None and placement.total > usage.available:
                    raise await out_of_quota(facts, command.caller.id)

    async def _take(self, command: Receive, placement: Placement, stash: Stash) -> Progress:
        new = stash.part(start=placement.start, ordinal=placement.ordinal)
        agreed: set[int] = set()
        place = partial(self._place, command, placement, new, stash, agreed)
        placed = await persistently(place)
        while placed.undecided:  # bytes are compared outside of any transaction
            for other in placed.place.compare:
                await self._agree(new, other)
                agreed.add(other.id)
            placed = await persistently(place)
        if placed.place.repeats and stash.intent:
            await self._stashing.discard(stash.intent)  # the first one's bytes stay, these go
        upload = placed.upload
        await reach("K3")
        if upload.state is not State.RECEIVING:
            return Progress(upload)
        if not command.completes or not whole(placed.parts, upload.size):
            self._running.advance(upload.id, command.digests, placed.parts)
            return Progress(upload)
        completion = Completion(
            lifetime=command.lifetime,
            digests=command.digests,
            expected=command.expected_whole,
            supersede=command.supersede,
            ordinal=placement.ordinal,
        )
        try:
            return Progress(await self._completing.complete(completion, upload, placed.parts))
        except (Corrupt, Unavailable) as error:
            # Every part is recorded and stays: any of them, sent again, tries again.
            error.facts["completing"] = True
            raise

    async def _place(
        self, command: Receive, placement: Placement, new: Part, stash: Stash, agreed: set[int]
    ) -> _Placed:
        """Record the part in one transaction, if it fits and needs no comparing."""
        async with self._transactions.write() as facts:
            upload = await self._find(facts, command, placement, lock=True)
            if upload and upload.state is not State.RECEIVING:
                repeated = await self._repeated(facts, command, placement, upload, new, agreed)
                if repeated:
                    return repeated
                upload = None
            whole = new.size == placement.total
            upload = upload or await self._open(facts, command, placement, whole=whole)
            if upload.size != placement.total:
                raise SizeMismatch(total=upload.size)
            parts = await facts.attachments.parts(upload.id)
            place = fit(parts, new, placement.total, agreed)
            if place.repeats or place.compare:
                return _Placed(upload, parts, place)
            # What has a number beyond can never be part of a whole.
            if max(len(parts) + 1, new.ordinal or 0) > self._limits.max_parts:
                raise TooMany(
                    f"The upload has too many parts: at most {self._limits.max_parts}.",
                    what="max_parts",
                    limit=self._limits.max_parts,
                )
            upload, added = await self._add(facts, command, placement, upload, parts, new, stash)
            await reach("K2")
            return _Placed(upload, [*parts, added], place)

    async def _find(
        self, facts: Facts, command: Receive, placement: Placement, *, lock: bool = False
    ) -> Attachment | None:
        now = self._clock.now()
        return await facts.receiving.by_upload_key(
            command.caller.tenant_id,
            _upload_key(command, placement),
            now,
            now - self._limits.replay,
            lock=lock,
        )

    async def _repeated(
        self,
        facts: Facts,
        command: Receive,
        placement: Placement,
        upload: Attachment,
        new: Part,
        agreed: set[int],
    ) -> _Placed | None:
        """The completed upload that the part comes for once more; None when it begins another one.

        With `replay_any` the key stays with the upload: what comes under it, in whatever cut, has to have its bytes.
        """
        parts = await facts.attachments.parts(upload.id)
        if command.replay_any:
            if upload.size != placement.total:
                raise SizeMismatch(total=upload.size)
            place = fit(parts, new, upload.size, agreed)
            return _Placed(upload, parts, place if place.compare else Fit(repeats=new))
        if upload.sealed_by != new.ordinal:
            return None
        try:
            repeats = fit(parts, new, upload.size).repeats
        except Overlap:
            return None
        return _Placed(upload, parts, Fit(repeats=repeats)) if repeats else None

    async def _open(
        self, facts: Facts, command: Receive, placement: Placement, *, whole: bool
    ) -> Attachment:
        if command.begun:
            raise Gone
        caller, now = command.caller, self._clock.now()
        key = _upload_key(command, placement)
        await facts.lives.expire_upload(caller.tenant_id, key, now)
        draft = Draft(
            public_id=new_public_id(),
            tenant_id=caller.tenant_id,
            owner_id=caller.id,
            dialect=command.dialect,
            state=State.RECEIVING,
            name=placement.name,
            media_type=placement.media_type or "application/octet-stream",
            size=placement.total,
            now=now,
            expires_at=now + command.window,
            reserved=placement.total,
            upload_key=key,
            filing=placement.filing,
        )
        opened = await open_upload(facts, self._limits, draft, briefly=whole)
        await reach("K0")
        return opened

    async def _add(
        self,
        facts: Facts,
        command: Receive,
        placement: Placement,
        upload: Attachment,
        parts: Sequence[Part],
        new: Part,
        stash: Stash,
    ) -> tuple[Attachment, Part]:
        now = self._clock.now()
        if stash.intent and await facts.intents.settle(stash.intent) is None:
            raise lease_lost("part")
        values: dict[str, str | int] = {}
        if placement.name is not None:
            values["name"] = placement.name
        if placement.media_type is not None:
            values["media_type"] = placement.media_type
        if command.sliding:
            values["expires_at"] = now + command.window
        if stash.dimensions and (placement.start == 0 or placement.ordinal == 1):
            values["width"], values["height"] = stash.dimensions
        arrived = received([*parts, new])
        if not await facts.receiving.progress(upload.id, received=arrived, now=now, values=values):
            raise Gone
        added = await facts.receiving.add_part(upload.id, new)
        upload = replace(
            upload,
            received=arrived,
            name=placement.name or upload.name,
            media_type=placement.media_type or upload.media_type,
        )
        return upload, added

    async def _agree(self, new: Part, old: Part) -> None:
        """Raises Overlap where the bytes that two parts share differ."""
        start, stop = max(new.start or 0, old.start or 0), min(new.stop, old.stop)
        one = self._reading.part(new, start - (new.start or 0), stop - (new.start or 0))
        other = self._reading.part(old, start - (old.start or 0), stop - (old.start or 0))
        if not await same_bytes(one, other):
            raise Overlap


def _upload_key(command: Receive, placement: Placement) -> str:
    return upload_key(command.dialect, None if command.shared else command.caller, placement.key)
