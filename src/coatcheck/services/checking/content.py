"""Content: the bytes are those that were stored, by every digest on record. Reads all there is, a piece at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

from coatcheck.blobs.base import BlobStore
from coatcheck.domain.attachment import Part, laid_out
from coatcheck.domain.digest import SHA256
from coatcheck.domain.errors import Corrupt
from coatcheck.domain.finding import Finding, Severity
from coatcheck.domain.lifecycle import VISIBLE, State
from coatcheck.domain.soundness import Record
from coatcheck.services.checking.check import pages
from coatcheck.services.intake import Hashes
from coatcheck.services.ports import Transactions
from coatcheck.services.reading import Reading


class Content:
    def __init__(self, transactions: Transactions, blobs: BlobStore) -> None:
        self._transactions = transactions
        self._reading = Reading(transactions, blobs)

    async def look(self, only: Sequence[Finding] | None = None) -> AsyncIterator[Finding]:
        async for page in pages(
            self._transactions, lambda facts: facts.records, lambda record: record.id, only
        ):
            for record in page:
                if record.state in VISIBLE or record.state is State.RECEIVING:
                    for says in await self._judged(record):
                        yield Finding(
                            kind="content",
                            severity=Severity.DAMAGE,
                            subject="attachment",
                            id=record.id,
                            says=f"attachment {record.id}: {says}",
                        )

    async def repair(self, _finding: Finding) -> str | None:
        return None

    async def _judged(self, record: Record) -> list[str]:
        try:
            return await self._differences(record)
        except (Corrupt, LookupError, ValueError):
            return []  # bytes that are missing, or fewer, are told by the check of what is stored

    async def _differences(self, record: Record) -> list[str]:
        digests = record.digests if record.state in VISIBLE else {}
        wrong, whole, end = [], Hashes(digests), 0
        for part in laid_out(record.parts):
            start = part.start or 0
            own = await self._read(part, whole, end - start)
            end = max(end, part.stop)
            if part.sha256 is not None and own != part.sha256:
                place = f"in blob {part.blob_key}" if part.blob_key else "in its row"
                wrong.append(f"part {part.id}, {place}, has other bytes than were stored")
        if not wrong and end == record.size:
            found = whole.hexdigests()
            wrong += [
                f"its {name} is {found[name]}, and {digests[name]} on record"
                for name in digests
                if found[name] != digests[name]
            ]
        return wrong

    async def _read(self, part: Part, whole: Hashes, skip: int) -> str:
        """The SHA-256 of a part; its bytes after the first `skip` go on into the digests of the whole."""
        own = Hashes({SHA256})
        async with aclosing(self._reading.part(part, 0, part.size)) as run:
            async for data in run:
                await own.begin(data)
                fresh = data[max(skip, 0) :]
                skip -= len(data)
                if fresh:
                    await whole.begin(fresh)
        return own.hexdigests()[SHA256]
