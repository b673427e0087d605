"""Direct uploads: begun before their bytes, which the client then stores itself, past us, where the store can let it.

Where it cannot, the client sends the same parts to us, and nothing else is different.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from coatcheck.blobs.base import BlobKey, BlobStore, Presigns, SignedRequest
from coatcheck.domain.attachment import Attachment, Draft, Part
from coatcheck.domain.claim import ById, ByPublicId
from coatcheck.domain.digest import Digest
from coatcheck.domain.errors import Incomplete, InvalidTransition, NotFound, TooLarge, TooMany
from coatcheck.domain.lifecycle import State
from coatcheck.domain.principal import Principal
from coatcheck.domain.ranges import Span
from coatcheck.domain.slot import cut
from coatcheck.services.attempts import Attempt
from coatcheck.services.commands import Begin, Completion, Limits
from coatcheck.services.completing import Completing
from coatcheck.services.contention import persistently
from coatcheck.services.events import Deleted
from coatcheck.services.names import key_of_begun, new_public_id, upload_key
from coatcheck.services.opening import open_upload
from coatcheck.services.ports import Clock, Facts, Transactions, Witness
from coatcheck.services.purging import Purging
from coatcheck.services.replaying import Replaying
from coatcheck.services.room import Room
from coatcheck.services.running_digests import RunningDigests
from coatcheck.services.shielding import to_the_end
from coatcheck.services.slotting import Slotting

#: Parts that a client is let store at once; the next when some of these are there.
OFFERED = 100


@dataclass(frozen=True, slots=True)
class Begun:
    """An upload with the parts that are there. `misfits` are the starts of those that have arrived in another size."""

    upload: Attachment
    parts: tuple[Part, ...]
    misfits: frozenset[int] = frozenset()

    @property
    def complete(self) -> bool:
        return self.upload.state is not State.RECEIVING

    def missing(self) -> list[Span]:
        if self.complete:
            return []
        there = {part.start for part in self.parts}
        return [span for span in cut(self.upload) if span.start not in there]


@dataclass(frozen=True, slots=True)
class Offer:
    """A request that stores one part; it has to begin before `until`, in ms."""

    request: SignedRequest
    until: int


class DirectUploads:
    """Each method finds the caller's own uploads alone, of the dialect that began them; others raise NotFound."""

    def __init__(
        self,
        *,
        transactions: Transactions,
        blobs: BlobStore,
        clock: Clock,
        limits: Limits,
        replaying: Replaying,
        slotting: Slotting,
        running: RunningDigests,
        completing: Completing,
        purging: Purging,
        room: Room,
        witness: Witness,
    ) -> None:
        self._transactions = transactions
        self._blobs = blobs
        self._clock = clock
        self._limits = limits
        self._replaying = replaying
        self._slotting = slotting
        self._running = running
        self._completing = completing
        self._purging = purging
        self._room = room
        self._witness = witness

    async def begin(self, command: Begin) -> str:
        """Reserve what it needs; its public id. Raises TooLarge, TooMany, QuotaExceeded, ReplayMismatch."""
        with Attempt(self._witness, command.dialect, "direct", command.caller, command.size):
            return await self._begin(command)

    async def _begin(self, command: Begin) -> str:
        if command.size > command.max_size:
            raise TooLarge(limit=command.max_size)
        if -(-command.size // command.part_size) > self._limits.max_parts:
            raise TooMany(
                f"These would be too many parts: at most {self._limits.max_parts}.",
                what="max_parts",
                limit=self._limits.max_parts,
            )
        self._room.require(None if isinstance(self._blobs, Presigns) else command.size)
        return await to_the_end(
            self._replaying.once(
                command.caller,
                command.request,
                partial(self._open, command),
                remember=lambda public_id: {"upload": public_id},
                recall=lambda answer: str(answer["upload"]),
            )
        )

    async def look(self, caller: Principal, dialect: str, reference: ById | ByPublicId) -> Begun:
        """As it is on record."""
        async with self._transactions.read() as facts:
            upload = await self._find(facts, caller, dialect, reference)
            return Begun(upload, tuple(await facts.attachments.parts(upload.id)))

    async def find(self, caller: Principal, dialect: str, reference: ByPublicId) -> Begun:
        """As it is: what has arrived at the store since is recorded first."""
        begun = await self.look(caller, dialect, reference)
        if begun.complete:
            return begun
        sizes = await self._slotting.arrived(begun.upload)
        misfits = frozenset(slot.start for slot, size in sizes.items() if size != slot.size)
        if whole := [slot for slot, size in sizes.items() if size == slot.size]:
            await self._slotting.record(begun.upload, whole)
            self._running.advance(begun.upload.id, begun.upload.digests)
            begun = await self.look(caller, dialect, reference)
        return Begun(begun.upload, begun.parts, misfits)

    async def offers(self, begun: Begun) -> dict[int, Offer]:
        """By their first byte, requests that store what is missing: of the first so many parts.

        None where the store cannot be told to take them. Raises Gone where the upload was ended meanwhile.
        """
        wanted = begun.missing()[:OFFERED]
        if not wanted or not isinstance(self._blobs, Presigns):
            return {}
        life = self._limits.url_life
        until = self._clock.now() + life
        return {
            slot.start: Offer(
                await self._blobs.presign_put(
                    BlobKey(slot.intent.blob_key), size=slot.size, expires=life // 1000
                ),
                until,
            )
            for slot in await self._slotting.open(begun.upload, wanted, anew=begun.misfits)
        }

    async def complete(
        self, caller: Principal, dialect: str, reference: ByPublicId, lifetime: int | None
    ) -> Attachment:
        """Visible from then on, once, however often it is asked for. What was announced is verified before.

        Raises Incomplete, whose `missing` are the numbers of parts, and DigestMismatch; the upload stays as it is then.
        """
        with Attempt(self._witness, dialect, "direct", caller, None) as attempt:
            attachment = await self._complete(caller, dialect, reference, lifetime)
            attempt.made(attachment)
            return attachment

    async def _complete(
        self, caller: Principal, dialect: str, reference: ByPublicId, lifetime: int | None
    ) -> Attachment:
        begun = await self.find(caller, dialect, reference)
        if begun.complete:
            return begun.upload
        if missing := begun.missing():
            raise Incomplete(
                "Parts have arrived in another size than was agreed."
                if begun.misfits
                else "Parts are missing.",
                missing=[1 + cut(begun.upload).index(span) for span in missing[:OFFERED]],
            )
        announced = begun.upload.digests
        completion = Completion(
            lifetime=lifetime,
            digests=frozenset(announced),
            expected=tuple(Digest(name, digits) for name, digits in announced.items()),
        )
        return await to_the_end(
            self._completing.complete(completion, begun.upload, list(begun.parts))
        )

    async def abandon(self, caller: Principal, dialect: str, reference: ById | ByPublicId) -> None:
        """Gone with all its parts. Raises InvalidTransition for one that is complete."""
        upload = await to_the_end(persistently(partial(self._abandon, caller, dialect, reference)))
        self._running.forget(upload.id)
        self._witness.tell(Deleted(caller=caller, attachment_id=upload.id))
        await self._purging.purge_now([upload.id])

    async def _open(self, command: Begin, facts: Facts, now: int) -> str:
        public_id = new_public_id()
        draft = Draft(
            public_id=public_id,
            tenant_id=command.caller.tenant_id,
            owner_id=command.caller.id,
            dialect=command.dialect,
            state=State.RECEIVING,
            name=command.name,
            media_type=command.media_type,
            description=command.description,
            size=command.size,
            digests={digest.algorithm: digest.hex for digest in command.expected},
            now=now,
            expires_at=now + command.window,
            reserved=command.size,
            upload_key=upload_key(command.dialect, command.caller, key_of_begun(public_id)),
            part_size=command.part_size,
        )
        await open_upload(facts, self._limits, draft)
        return public_id

    async def _abandon(
        self, caller: Principal, dialect: str, reference: ById | ByPublicId
    ) -> Attachment:
        async with self._transactions.write() as facts:
            upload = await self._find(facts, caller, dialect, reference, lock=True)
            if not await facts.lives.delete(upload.id, (State.RECEIVING,), self._clock.now()):
                raise InvalidTransition("The upload is complete.")
            return upload

    async def _find(
        self,
        facts: Facts,
        caller: Principal,
        dialect: str,
        reference: ById | ByPublicId,
        *,
        lock: bool = False,
    ) -> Attachment:
        now = self._clock.now()
        found = await facts.receiving.begun(caller.id, dialect, reference, now, lock=lock)
        if found is None:
            raise NotFound
        return found
