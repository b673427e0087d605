"""Digests that were not taken on the way in: computed on first demand, then stored."""

from __future__ import annotations

import logging
from dataclasses import replace

from coatcheck.domain.attachment import Attachment
from coatcheck.domain.claim import ByDigest, Reference
from coatcheck.domain.digest import SHA256
from coatcheck.domain.errors import Corrupt, Unavailable
from coatcheck.domain.principal import Principal
from coatcheck.services.ports import Transactions
from coatcheck.services.running_digests import RunningDigests

log = logging.getLogger(__name__)

#: Attachments looked through at a time.
_BATCH = 50


class Digests:
    def __init__(self, transactions: Transactions, running: RunningDigests) -> None:
        self._transactions = transactions
        self._running = running

    async def make_findable(self, caller: Principal, *references: Reference) -> None:
        """Give the caller's own attachments the digests that it asks for them by."""
        for algorithm in {
            each.digest.algorithm for each in references if isinstance(each, ByDigest)
        }:
            await self.complete(algorithm, owner_id=caller.id)

    async def complete(self, algorithm: str = SHA256, owner_id: int | None = None) -> int:
        """Compute what is missing of one algorithm, for one owner or for all; how many.

        Raises Unavailable where the store could not give the bytes of one, after all others.
        """
        done, last = 0, 0
        failure: Unavailable | None = None
        while True:
            async with self._transactions.read() as facts:
                found = await facts.attachments.without_digest(
                    algorithm, _BATCH, owner_id=owner_id, beyond=last
                )
            for attachment in found:
                last = attachment.id
                try:
                    done += bool(await self._compute(attachment, algorithm))
                except Unavailable as error:
                    failure = error
            if not found:
                break
        if failure:
            raise failure
        return done

    async def of(self, attachment: Attachment, algorithm: str) -> Attachment:
        """With that digest, unless its bytes are damaged. Raises Unavailable."""
        if algorithm in attachment.digests:
            return attachment
        computed = await self._compute(attachment, algorithm)
        return replace(attachment, digests=attachment.digests | computed)

    async def _compute(self, attachment: Attachment, algorithm: str) -> dict[str, str]:
        async with self._transactions.read() as facts:
            parts = await facts.attachments.parts(attachment.id)
        try:
            digests = await self._running.of(parts, attachment.size, (algorithm,))
        except Corrupt:
            log.exception("attachment %s cannot be read", attachment.id)
            return {}
        async with self._transactions.write() as facts:
            await facts.attachments.note_digests(attachment.id, digests)
        return digests
