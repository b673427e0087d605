"""Orphans: blobs that nothing names. There should be none, since a blob is named before it is written."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from coatcheck.blobs.base import BlobKey, BlobMissing, BlobStore, Quarantines, checked
from coatcheck.domain.finding import Finding, Severity
from coatcheck.services.checking.check import PAGE
from coatcheck.services.ports import Transactions


class Orphans:
    def __init__(self, transactions: Transactions, blobs: BlobStore) -> None:
        self._transactions = transactions
        self._blobs = blobs

    async def look(self, only: Sequence[Finding] | None = None) -> AsyncIterator[Finding]:
        async for keys in self._keys(only):
            for key in await self.unnamed(keys):
                yield Finding(
                    kind="orphan",
                    severity=Severity.LEFTOVER,
                    subject="blob",
                    id=key,
                    says=f"blob {key} belongs to nothing",
                )

    async def repair(self, finding: Finding) -> str | None:
        """Out of the way, but kept: after a restore of an older database it may be somebody's only copy."""
        if not isinstance(self._blobs, Quarantines):
            return None
        return f"it lies in {await self._blobs.set_aside(checked(str(finding.id)))} now"

    async def unnamed(self, keys: Sequence[BlobKey]) -> list[BlobKey]:
        """Those that are stored and that no row names. To be asked after they were seen: a new one is named."""
        async with self._transactions.read() as facts:
            # Intents first: a blob that is recorded in between is found among the parts.
            known = await facts.intents.known(list(keys))
            known |= await facts.attachments.known_blobs(list(keys))
        return [key for key in keys if key not in known and await self._stored(key)]

    async def _keys(self, only: Sequence[Finding] | None) -> AsyncIterator[list[BlobKey]]:
        if only is not None:
            yield [checked(str(finding.id)) for finding in only]
            return
        seen: list[BlobKey] = []
        async for key in self._blobs.keys():
            seen.append(key)
            if len(seen) == PAGE:
                yield seen
                seen = []
        if seen:
            yield seen

    async def _stored(self, key: BlobKey) -> bool:
        """Whether it is still there: it may have been on its way out when it was seen."""
        try:
            await self._blobs.size(key)
        except BlobMissing:
            return False
        return True
