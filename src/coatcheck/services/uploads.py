"""Uploads: the only way in for bytes. No transaction is open while they flow."""

from __future__ import annotations

from collections.abc import Callable

from coatcheck.blobs.base import BlobStore
from coatcheck.domain.attachment import Attachment, Draft
from coatcheck.domain.deposit import Deposited
from coatcheck.domain.digest import SHA256
from coatcheck.domain.errors import OutcomeUnknown, TooLarge
from coatcheck.domain.lifecycle import Event, State, after
from coatcheck.faultpoints import reach
from coatcheck.services.attempts import Attempt
from coatcheck.services.commands import Deposit, Limits, Receive
from coatcheck.services.completing import Completing
from coatcheck.services.names import kept_digests, new_capability, new_public_id
from coatcheck.services.ports import Clock, ImageProbe, Transactions, Witness
from coatcheck.services.purging import Purging
from coatcheck.services.receiving import Progress, Receiving
from coatcheck.services.recorder import Recorded, Recorder
from coatcheck.services.room import Room
from coatcheck.services.running_digests import RunningDigests
from coatcheck.services.shielding import to_the_end
from coatcheck.services.stashing import Stashing

__all__ = ["Progress", "Uploads"]


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
        purging: Purging,
        room: Room,
        witness: Witness,
        probe: Callable[[], ImageProbe] | None = None,
    ) -> None:
        stashing = Stashing(transactions, blobs, clock, limits, room, probe)
        self._transactions = transactions
        self._recorder = recorder
        self._stashing = stashing
        self._receiving = Receiving(
            transactions,
            blobs,
            clock,
            limits,
            stashing,
            running,
            Completing(transactions, clock, running, purging),
        )
        self._purging = purging
        self._clock = clock
        self._witness = witness

    async def receive(self, command: Receive) -> Progress:
        """Take one part, durably; the one that makes the upload whole completes it.

        On an error the upload stands as it was before. Raises TooLarge, Incomplete, SizeMismatch, Overlap, Excess,
        TooMany, QuotaExceeded, Unavailable, and what `place` raises.
        """
        with Attempt(
            self._witness, command.dialect, "part", command.caller, command.size
        ) as attempt:
            progress = await self._receiving.receive(command)
            attempt.made(progress.attachment)
            return progress

    async def deposit(self, command: Deposit) -> Attachment:
        """A whole attachment, durable when it returns. On any error nothing is stored, and the quota is as it was.

        Raises TooLarge, Incomplete, DigestMismatch, QuotaExceeded, Unavailable, and what `describe` raises.
        """
        with Attempt(
            self._witness, command.dialect, "whole", command.caller, command.size
        ) as attempt:
            attachment = await self._deposit(command)
            attempt.made(attachment)
            return attachment

    async def _deposit(self, command: Deposit) -> Attachment:
        if command.size is not None and command.size > command.max_size:
            raise TooLarge(limit=command.max_size)
        await reach("U0")
        async with self._stashing.stashed(
            command.caller.id,
            command.body,
            algorithms={SHA256} | command.digests,
            max_size=command.max_size,
            size=command.size,
            reserve=True,
            expected=command.expected,
        ) as stash:
            description = await command.describe(stash.head)
            now = self._clock.now()
            held = description.filing is not None or command.into is not None
            complete = after(State.RECEIVING, Event.COMPLETE)
            draft = Draft(
                public_id=new_public_id(),
                tenant_id=command.caller.tenant_id,
                owner_id=command.caller.id,
                dialect=command.dialect,
                state=after(complete, Event.CLAIM) if held else complete,
                name=description.name,
                media_type=description.media_type,
                description=description.description,
                grouping=description.grouping,
                dimensions=stash.dimensions,
                size=stash.size,
                digests=kept_digests(stash.digests),
                now=now,
                expires_at=None if command.lifetime is None else now + command.lifetime,
                capability=new_capability() if description.filing else None,
                part=stash.part(start=0),
            )
            recorded = await to_the_end(
                self._record(
                    Deposited(
                        draft=draft,
                        intent=stash.intent,
                        filing=description.filing,
                        into=command.into,
                        elsewhere=command.elsewhere,
                        supersede=command.supersede,
                    )
                )
            )
        await reach("U9")
        await self._purging.purge_now(recorded.superseded)
        return recorded.attachment

    async def _record(self, deposited: Deposited) -> Recorded:
        try:
            return await self._recorder.record(deposited)
        except OutcomeUnknown:
            # Ask on a fresh connection; if that fails too, the sweep will tell by the intent.
            async with self._transactions.read() as facts:
                found = await facts.attachments.recorded(deposited.draft.public_id)
            if found is None:
                raise
            return Recorded(found)
