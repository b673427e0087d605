"""Downloads: who may read what, and its bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from coatcheck.blobs.base import BlobKey, BlobStore, LocalPath, Presigns, checked
from coatcheck.domain.attachment import Attachment, Part, slices
from coatcheck.domain.claim import ByDigest, Reference
from coatcheck.domain.errors import Corrupt, Gone, NotFound
from coatcheck.domain.lifecycle import VISIBLE
from coatcheck.domain.principal import Principal
from coatcheck.services.digests import Digests
from coatcheck.services.ports import Clock, Facts, Transactions
from coatcheck.services.reading import Reading
from coatcheck.services.resolving import resolve

#: Bytes of an attachment that are fetched with the facts, where they lie beside them.
_AT_ONCE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Content:
    """An attachment's bytes, ready to be read: see Downloads."""

    attachment: Attachment
    parts: Sequence[Part]
    reading: Reading
    blobs: BlobStore
    transactions: Transactions

    async def check(self, start: int, stop: int) -> None:
        """All of [start, stop) is there. To be awaited before a status line goes out.

        Raises Corrupt, or Gone where it was deleted since it was found.
        """
        try:
            await self.reading.check(self.parts, start, stop)
        except Corrupt:
            async with self.transactions.read() as facts:
                current = await facts.attachments.recorded(self.attachment.public_id)
            if current is None or current.state not in VISIBLE:
                raise Gone from None
            raise

    def read(self, start: int, stop: int) -> AsyncIterator[bytes]:
        return self.reading.span(self.parts, start, stop)

    def held(self, start: int, stop: int) -> bytes | None:
        """These bytes, where all of them are here already."""
        pieces = slices(self.parts, start, stop)
        runs = [
            piece.part.inline[piece.start : piece.stop] for piece in pieces if piece.part.inline
        ]
        return b"".join(runs) if len(runs) == len(pieces) else None

    def path(self) -> Path | None:
        """The local file that is exactly the content, where there is one."""
        key = self._only_blob()
        return self.blobs.path(key) if key and isinstance(self.blobs, LocalPath) else None

    async def link(self, *, expires: int, media_type: str, disposition: str) -> str | None:
        """A URL under which the store itself sends exactly the content, where it can, for `expires` seconds.

        Raises Unavailable.
        """
        key = self._only_blob()
        if not key or not isinstance(self.blobs, Presigns):
            return None
        signed = await self.blobs.presign_get(
            key, expires=expires, media_type=media_type, disposition=disposition
        )
        return signed.url

    def _only_blob(self) -> BlobKey | None:
        if len(self.parts) != 1 or self.parts[0].blob_key is None:
            return None
        return checked(self.parts[0].blob_key)


class Downloads:
    def __init__(
        self, transactions: Transactions, blobs: BlobStore, clock: Clock, digests: Digests
    ) -> None:
        self._transactions = transactions
        self._blobs = blobs
        self._clock = clock
        self._digests = digests
        self._reading = Reading(transactions, blobs)

    async def find(self, caller: Principal, reference: Reference) -> Attachment:
        """What the caller may read by that name. Raises NotFound: unknown, foreign and expired look alike."""
        found = await self._look(caller, reference)
        if found is None and isinstance(reference, ByDigest):
            await self._digests.make_findable(caller, reference)
            found = await self._look(caller, reference)
        if found is None:
            raise NotFound
        return found

    async def with_digest(
        self, attachments: Sequence[Attachment], algorithm: str
    ) -> list[Attachment]:
        """The same, with a digest that was perhaps not taken on the way in: computed now, once. Raises Unavailable."""
        return [await self._digests.of(each, algorithm) for each in attachments]

    async def _look(self, caller: Principal, reference: Reference) -> Attachment | None:
        async with self._transactions.read() as facts:
            return await resolve(facts, caller, reference, self._clock.now())

    async def open(self, caller: Principal, reference: Reference) -> Content:
        """Raises NotFound."""
        async with self._transactions.read() as facts:
            found = await resolve(facts, caller, reference, self._clock.now())
            if found is not None:
                return await self._content(facts, found)
        found = await self.find(caller, reference)  # which does more than to look
        async with self._transactions.read() as facts:
            return await self._content(facts, found)

    async def open_by_capability(self, capability: str) -> Content:
        """For whoever knows it. Raises NotFound."""
        async with self._transactions.read() as facts:
            found = await facts.attachments.by_capability(capability, self._clock.now())
            if found is None:
                raise NotFound
            return await self._content(facts, found)

    async def open_by_public_id(self, public_id: str) -> Content:
        """For whoever knows it: it is random, and told to those who may see the attachment. Raises NotFound."""
        async with self._transactions.read() as facts:
            found = await facts.attachments.recorded(public_id)
            if found is None or not found.readable(self._clock.now()):
                raise NotFound
            return await self._content(facts, found)

    async def _content(self, facts: Facts, attachment: Attachment) -> Content:
        parts = await facts.attachments.parts(attachment.id, inline=attachment.size <= _AT_ONCE)
        return Content(attachment, parts, self._reading, self._blobs, self._transactions)
