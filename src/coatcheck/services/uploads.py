"""Uploads: the only way in for bytes. No transaction is open while they flow."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass, replace

from coatcheck.blobs.base import BlobStore
from coatcheck.domain.assembly import fit, received, whole
from coatcheck.domain.attachment import Attachment, Draft, Part
from coatcheck.domain.deposit import Deposited, Stash
from coatcheck.domain.digest import SHA3_256, SHA256
from coatcheck.domain.errors import (
    DigestMismatch,
    Gone,
    OutcomeUnknown,
    Overlap,
    QuotaExceeded,
    SizeMismatch,
    TooLarge,
    TooMany,
    Unavailable,
)
from coatcheck.domain.lifecycle import Event, State, after
from coatcheck.services.commands import Deposit, Limits, Placement, Receive
from coatcheck.services.filing import find_or_make_folders, free_place, hold_by_site
from coatcheck.services.ports import Clock, Facts, Transactions
from coatcheck.services.reading import Reading
from coatcheck.services.recorder import Recorder
from coatcheck.services.running_digests import RunningDigests
from coatcheck.services.shielding import to_the_end
from coatcheck.services.stashing import Stashing

_ALPHABET = string.ascii_letters + string.digits


def new_public_id() -> str:
    """16 random characters of [A-Za-z0-9]: 95 bits."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(16))


def new_capability() -> str:
    """22 random characters; whoever knows them may read."""
    return secrets.token_urlsafe(16)


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a chunked upload stands after a part; `attachment` is complete or still receiving."""

    attachment: Attachment

    @property
    def complete(self) -> bool:
        return self.attachment.state is not State.RECEIVING


class Uploads:
    def __init__(
        self,
        *,
        transactions: Transactions,
        recorder: Recorder,
        blobs: BlobStore,
        clock: Clock,
        limits: Limits,
        running: RunningDigests,
    ) -> None:
        self._transactions = transactions
        self._recorder = recorder
        self._stashing = Stashing(transactions, blobs, clock, limits)
        self._reading = Reading(transactions, blobs)
        self._clock = clock
        self._limits = limits
        self._running = running

    # -- a whole attachment in one request -----------------------------------------------------------------------

    async def deposit(self, command: Deposit) -> Attachment:
        """Durable when it returns. On any error nothing is stored, and the quota is as it was."""
        if command.size is not None and command.size > command.max_size:
            raise TooLarge(limit=command.max_size)
        expected = {digest.algorithm for digest in command.expected}
        async with self._stashing.stashed(
            command.caller.id,
            command.body,
            algorithms={SHA256} | command.digests | expected,
            max_size=command.max_size,
            size=command.size,
            reserve=True,
        ) as stash:
            for digest in command.expected:
                if stash.digests[digest.algorithm] != digest.hex:
                    raise DigestMismatch(algorithm=digest.algorithm)
            description = await command.describe(stash.head)
            now = self._clock.now()
            filed = description.filing is not None
            complete = after(State.RECEIVING, Event.COMPLETE)
            draft = Draft(
                public_id=new_public_id(),
                tenant_id=command.caller.tenant_id,
                owner_id=command.caller.id,
                dialect=command.dialect,
                state=after(complete, Event.CLAIM) if filed else complete,
                name=description.name,
                media_type=description.media_type,
                size=stash.size,
                digests=_kept(stash.digests),
                now=now,
                expires_at=None if command.lifetime is None else now + command.lifetime,
                capability=new_capability() if filed else None,
                part=stash.part(start=0),
            )
            return await to_the_end(
                self._record(
                    Deposited(
                        draft=draft,
                        intent=stash.intent,
                        filing=description.filing,
                        supersede=command.supersede,
                    )
                )
            )

    async def _record(self, deposited: Deposited) -> Attachment:
        try:
            return await self._recorder.record(deposited)
        except OutcomeUnknown:
            # Ask on a fresh connection; if that fails too, the sweep will tell by the intent.
            async with self._transactions.read() as facts:
                found = await facts.attachments.recorded(deposited.draft.public_id)
            if found is None:
                raise
            return found

    # -- part by part --------------------------------------------------------------------------------------------

    async def receive(self, command: Receive) -> Progress:
        """Take one part, durably; the one that makes the upload whole completes it.

        On an error the upload stands as it was before.
        """
        if command.known:
            await self._refuse_early(command, command.known)
        async with self._stashing.stashed(
            command.caller.id,
            command.body,
            algorithms={SHA256},
            max_size=command.max_part_size,
            size=command.size,
            reserve=False,
        ) as stash:
            placement = await command.place(stash.head)
            return await to_the_end(self._place(command, placement, stash))

    async def _refuse_early(self, command: Receive, placement: Placement) -> None:
        """What can be refused before the body is taken."""
        if placement.total > command.max_size:
            raise TooLarge(limit=command.max_size)
        async with self._transactions.read() as facts:
            upload = await self._find(facts, command, placement)
            if upload and upload.size != placement.total:
                raise SizeMismatch(total=upload.size)
            if upload is None:
                usage = await facts.quotas.usage(command.caller.id)
                if usage.available is not None and placement.total > usage.available:
                    raise QuotaExceeded

    async def _place(self, command: Receive, placement: Placement, stash: Stash) -> Progress:
        if placement.total > command.max_size:
            raise TooLarge(limit=command.max_size)
        new = stash.part(start=placement.start, ordinal=placement.ordinal)
        agreed: set[int] = set()
        while True:
            async with self._transactions.write() as facts:
                upload = await self._find(facts, command, placement)
                if upload and upload.state is not State.RECEIVING:
                    if await self._is_replay(facts, command, upload, new):
                        parts = []
                        break
                    upload = None
                if upload is None:
                    upload = await self._open(facts, command, placement)
                if upload.size != placement.total:
                    raise SizeMismatch(total=upload.size)
                parts = await facts.attachments.parts(upload.id)
                place = fit(parts, new, placement.total, agreed)
                if place.repeats:
                    break
                if not place.compare:
                    if len(parts) >= self._limits.max_parts:
                        raise TooMany(
                            "The upload has too many parts.", limit=self._limits.max_parts
                        )
                    upload = await self._add(
                        facts, command, placement, upload, [*parts, new], stash
                    )
                    parts = await facts.attachments.parts(upload.id)
                    break
            for other in place.compare:
                await self._agree(new, other)
                agreed.add(other.id)
        if stash.intent and not any(part.blob_key == stash.intent.blob_key for part in parts):
            await self._stashing.discard(
                stash.intent
            )  # a repeat: the first one's bytes stay, these go
        if upload.state is not State.RECEIVING:
            return Progress(upload)
        if not whole(parts, upload.size):
            self._running.advance(upload.id, command.digests)
            return Progress(upload)
        return Progress(await self._complete(command, placement, upload, parts))

    async def _find(
        self, facts: Facts, command: Receive, placement: Placement
    ) -> Attachment | None:
        now = self._clock.now()
        return await facts.attachments.by_upload_key(
            command.caller.tenant_id,
            _upload_key(command, placement),
            now,
            now - self._limits.replay,
        )

    async def _is_replay(
        self, facts: Facts, command: Receive, upload: Attachment, new: Part
    ) -> bool:
        """Whether a part of a completed upload is told its completion again, or begins another upload."""
        if not command.replay_any and upload.sealed_by != new.ordinal:
            return False
        parts = await facts.attachments.parts(upload.id)
        try:
            return fit(parts, new, upload.size).repeats is not None
        except Overlap:
            if command.replay_any:
                raise
            return False

    async def _open(self, facts: Facts, command: Receive, placement: Placement) -> Attachment:
        caller, now = command.caller, self._clock.now()
        key = _upload_key(command, placement)
        await facts.lives.expire_upload(caller.tenant_id, key, now)
        if await facts.attachments.count_receiving(caller.id) >= self._limits.max_open_uploads:
            raise TooMany("There are too many open uploads.", limit=self._limits.max_open_uploads)
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
        upload, is_new = await facts.attachments.open(draft)
        if is_new and not await facts.quotas.reserve(caller.id, placement.total, count=1):
            raise QuotaExceeded
        return upload

    async def _add(
        self,
        facts: Facts,
        command: Receive,
        placement: Placement,
        upload: Attachment,
        parts: list[Part],
        stash: Stash,
    ) -> Attachment:
        now = self._clock.now()
        if stash.intent and not await facts.intents.settle(stash.intent):
            raise Unavailable("The part took longer than its lease.", retry_after=1)
        await facts.attachments.add_part(upload.id, parts[-1])
        values: dict[str, str | int] = {}
        if placement.name is not None:
            values["name"] = placement.name
        if placement.media_type is not None:
            values["media_type"] = placement.media_type
        if command.sliding:
            values["expires_at"] = now + command.window
        arrived = received(parts)
        await facts.attachments.progress(upload.id, received=arrived, now=now, values=values)
        return replace(
            upload,
            received=arrived,
            name=placement.name or upload.name,
            media_type=placement.media_type or upload.media_type,
        )

    async def _agree(self, new: Part, old: Part) -> None:
        """Raises Overlap where the bytes that two parts share differ."""
        start, stop = max(new.start or 0, old.start or 0), min(new.stop, old.stop)
        one = self._reading.part(new, start - (new.start or 0), stop - (new.start or 0))
        other = self._reading.part(old, start - (old.start or 0), stop - (old.start or 0))
        if not await self._reading.same(one, other):
            raise Overlap

    async def _complete(
        self, command: Receive, placement: Placement, upload: Attachment, parts: list[Part]
    ) -> Attachment:
        """One of several that try at once does it; the others are told the same outcome."""
        digests = await self._running.whole(upload, parts, command.digests)
        now = self._clock.now()
        state = after(upload.state, Event.COMPLETE)
        values: dict[str, object] = dict(_kept(digests))
        values["expires_at"] = None if command.lifetime is None else now + command.lifetime
        values["sealed_by"] = placement.ordinal
        async with self._transactions.write() as facts:
            if upload.filing:
                state = after(state, Event.CLAIM)
                await facts.folders.lock_tree(upload.tenant_id)
                place = await free_place(facts, upload.tenant_id, upload.filing)
                values["folder_id"] = await find_or_make_folders(
                    facts, upload.tenant_id, place.folders, now
                )
                values |= {"token": place.token, "name": place.base, "capability": new_capability()}
            held = await facts.attachments.seal(upload.id, state, now=now, values=values)
            if held is not None:
                await facts.quotas.charge(upload.owner_id, upload.size, reserved=held)
                if upload.filing:
                    await hold_by_site(
                        facts,
                        tenant_id=upload.tenant_id,
                        owner_id=upload.owner_id,
                        attachment_ids=[upload.id],
                        now=now,
                    )
                if command.supersede:
                    row = (upload.owner_id, upload.dialect, digests[SHA3_256], upload.id)
                    await facts.attachments.supersede([row], now)
        async with self._transactions.read() as facts:
            completed = await facts.attachments.recorded(upload.public_id)
        self._running.forget(upload.id)
        if completed is None or completed.state is State.RECEIVING:
            raise Gone
        return completed


def _upload_key(command: Receive, placement: Placement) -> str:
    owner = "" if command.shared else str(command.caller.id)
    return f"{command.dialect}:{owner}:{placement.key}"


def _kept(digests: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in digests.items() if name in (SHA256, SHA3_256, "md5")}
