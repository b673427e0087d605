"""Bytes: every part's are there, as many as are on record."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from coatcheck.blobs.base import BlobMissing, BlobStore, checked
from coatcheck.domain.finding import Finding, Severity
from coatcheck.domain.lifecycle import VISIBLE, State
from coatcheck.domain.soundness import StoredPart
from coatcheck.services.checking.check import pages
from coatcheck.services.ports import Transactions

#: Questions to the store at once.
_AT_ONCE = 16

_KEPT = {*VISIBLE, State.RECEIVING}


class Stored:
    """Nothing of it is repaired: a blob that is put back under its name makes its attachment whole again."""

    def __init__(self, transactions: Transactions, blobs: BlobStore) -> None:
        self._transactions = transactions
        self._blobs = blobs

    async def look(self, only: Sequence[Finding] | None = None) -> AsyncIterator[Finding]:
        async for page in pages(
            self._transactions, lambda facts: facts.stored_parts, lambda part: part.id, only
        ):
            # What is on its way out may have lost its bytes.
            kept = [part for part in page if part.state in _KEPT]
            turns = asyncio.Semaphore(_AT_ONCE)
            for finding in await asyncio.gather(*(self._judged(part, turns) for part in kept)):
                if finding:
                    yield finding

    async def repair(self, _finding: Finding) -> str | None:
        return None

    async def _judged(self, part: StoredPart, turns: asyncio.Semaphore) -> Finding | None:
        if part.blob_key is None:
            if part.inline_size == part.size:
                return None
            return _finding(
                "size", part, f"has {part.inline_size} bytes, and {part.size} on record"
            )
        try:
            key = checked(part.blob_key)
        except ValueError as error:
            return _finding("missing", part, f"names a blob that cannot be: {error}")
        try:
            async with turns:
                size = await self._blobs.size(key)
        except BlobMissing:
            return _finding("missing", part, f"has lost its blob {key} of {part.size} bytes")
        if size == part.size:
            return None
        return _finding("size", part, f"has {size} bytes in blob {key}, and {part.size} on record")


def _finding(kind: str, part: StoredPart, says: str) -> Finding:
    return Finding(
        kind=kind,
        severity=Severity.DAMAGE,
        subject="part",
        id=part.id,
        says=f"part {part.id} of attachment {part.attachment_id} {says}",
    )
