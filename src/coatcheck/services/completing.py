"""Completing: an upload whose parts are all there becomes an attachment."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial

from coatcheck.domain.attachment import Attachment, Part
from coatcheck.domain.errors import Gone
from coatcheck.domain.lifecycle import VISIBLE, Event, State, after
from coatcheck.faultpoints import reach
from coatcheck.services.commands import Completion
from coatcheck.services.contention import persistently
from coatcheck.services.filing import SITE, find_or_make_folders, free_place, hold
from coatcheck.services.names import kept_digests, new_capability
from coatcheck.services.ports import Clock, Facts, Transactions
from coatcheck.services.purging import Purging
from coatcheck.services.running_digests import RunningDigests


class _Beaten(Exception):
    """Another request completed the upload at the same moment; what this one prepared is undone."""


class Completing:
    def __init__(
        self, transactions: Transactions, clock: Clock, running: RunningDigests, purging: Purging
    ) -> None:
        self._transactions = transactions
        self._clock = clock
        self._running = running
        self._purging = purging

    async def complete(
        self, command: Completion, upload: Attachment, parts: list[Part]
    ) -> Attachment:
        """One of several that try at once does it; the others are told the same outcome."""
        await reach("K4")
        digests = await self._running.whole(upload, parts, command.digests)
        await self._running.confirm(digests, upload, parts, command.expected)
        superseded: list[int] = []
        with suppress(_Beaten):
            superseded = await persistently(partial(self._try, command, upload, digests))
            await reach("K6")
        async with self._transactions.read() as facts:
            current = await facts.attachments.recorded(upload.public_id)
        self._running.forget(upload.id)
        await self._purging.purge_now(superseded)
        if current is None or current.state not in VISIBLE:
            raise Gone
        return current

    async def _try(
        self, command: Completion, upload: Attachment, digests: dict[str, str]
    ) -> list[int]:
        async with self._transactions.write() as facts:
            current = await facts.attachments.recorded(upload.public_id)
            if current is None or current.state is not State.RECEIVING:
                return []
            superseded = await self._seal(facts, command, current, digests)
            await reach("K5")
            return superseded

    async def _seal(
        self,
        facts: Facts,
        command: Completion,
        upload: Attachment,
        digests: dict[str, str],
    ) -> list[int]:
        """Which attachments it supersedes."""
        now = self._clock.now()
        state = after(upload.state, Event.COMPLETE)
        values: dict[str, object] = {
            **kept_digests(digests),
            "created_at": now,
            "expires_at": None if command.lifetime is None else now + command.lifetime,
            "sealed_by": command.ordinal,
        }
        if upload.filing:
            state = after(state, Event.CLAIM)
            await facts.folders.lock_tree(upload.tenant_id)
            place = await free_place(facts, upload.tenant_id, upload.filing)
            folder = await find_or_make_folders(facts, upload.tenant_id, place.folders, now)
            values |= {
                "token": place.token,
                "name": place.base,
                "folder_id": folder,
                "capability": new_capability(),
            }
        held = await facts.receiving.seal(upload.id, state, now=now, values=values)
        if held is None:
            raise _Beaten
        await facts.quotas.charge(upload.owner_id, upload.size, reserved=held)
        if upload.filing:
            await hold(
                facts,
                SITE,
                tenant_id=upload.tenant_id,
                owner_id=upload.owner_id,
                attachment_ids=[upload.id],
                now=now,
            )
        if not command.supersede:
            return []
        return await facts.attachments.supersede(replace(upload, digests=digests), now)
