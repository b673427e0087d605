"""Form uploads: a browser's form takes all the bytes to the store; what has arrived is then taken in like any body.

A form can be sent again for as long as it is signed, and would replace the bytes. So they are no part: they lie under a
slot's key until somebody asks, are read through us then, as any upload is, and a sweep removes what the form has left.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from coatcheck.blobs.base import BlobKey, BlobStore, Presigns, SignedForm
from coatcheck.domain.attachment import Attachment
from coatcheck.domain.claim import ById, ByPublicId
from coatcheck.domain.errors import NotFound, Unsupported
from coatcheck.domain.principal import Principal
from coatcheck.services.commands import Begin, Limits
from coatcheck.services.direct_uploads import DirectUploads
from coatcheck.services.slotting import Slotting


class Left:
    """What a form has left in the store, as a body."""

    cut = False

    def __init__(self, blobs: BlobStore, key: BlobKey) -> None:
        self._blobs = blobs
        self._key = key

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._blobs.read(self._key)


class FormUploads:
    def __init__(
        self, blobs: BlobStore, limits: Limits, direct: DirectUploads, slotting: Slotting
    ) -> None:
        self._blobs = blobs
        self._limits = limits
        self._direct = direct
        self._slotting = slotting

    @property
    def offered(self) -> bool:
        """Whether the store can be told to take one."""
        return isinstance(self._blobs, Presigns)

    async def prepare(self, command: Begin) -> tuple[Attachment, SignedForm]:
        """A form for all the bytes of a new upload, which is one part.

        Raises Unsupported where none is offered, and what DirectUploads.begin does.
        """
        if not isinstance(self._blobs, Presigns):
            raise Unsupported("The store takes no forms.")
        public_id = await self._direct.begin(command)
        begun = await self._direct.look(command.caller, command.dialect, ByPublicId(public_id))
        (slot,) = await self._slotting.open(begun.upload, begun.missing())
        form = await self._blobs.presign_form(
            BlobKey(slot.intent.blob_key),
            size=slot.size,
            expires=self._limits.url_life // 1000,
        )
        return begun.upload, form

    async def left(
        self, caller: Principal, dialect: str, reference: ById
    ) -> tuple[Attachment, Left] | None:
        """The upload, and what its form has left: NotFound until there is something. None when it was taken in."""
        begun = await self._direct.look(caller, dialect, reference)
        if begun.complete:
            return None
        for slot, size in (await self._slotting.arrived(begun.upload)).items():
            if size == slot.size:
                return begun.upload, Left(self._blobs, BlobKey(slot.intent.blob_key))
        raise NotFound
