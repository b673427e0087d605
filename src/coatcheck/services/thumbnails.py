"""Thumbnails: made when one is first asked for, kept beside the attachment, and gone with it."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

from coatcheck.domain.attachment import Attachment
from coatcheck.domain.claim import ById, Reference
from coatcheck.domain.derivative import THUMBNAIL, Derivative
from coatcheck.domain.errors import NotFound, Unavailable
from coatcheck.domain.principal import Principal
from coatcheck.services.downloads import Downloads
from coatcheck.services.ports import Imaging, Transactions

log = logging.getLogger(__name__)

#: Made at the same time by one worker. Each takes a processor, and memory for one whole picture.
AT_ONCE = 2

#: Further ones that wait for their turn: a page or two of pictures. Those beyond are told to come back.
WAITING = 256

#: Pictures of which none can be made, remembered so that asking again costs nothing; until the next restart.
_HOPELESS = 10_000

_NONE = "There is no thumbnail of this."


class Thumbnails:
    def __init__(
        self,
        transactions: Transactions,
        downloads: Downloads,
        imaging: Imaging,
        *,
        at_once: int = AT_ONCE,
        waiting: int = WAITING,
    ) -> None:
        self._transactions = transactions
        self._downloads = downloads
        self._imaging = imaging
        self._turns = asyncio.Semaphore(at_once)
        self._room = at_once + waiting
        self._making: dict[int, asyncio.Task[Derivative]] = {}
        self._hopeless: OrderedDict[int, None] = OrderedDict()

    def offers(self, attachment: Attachment) -> bool:
        """Whether there is any point in asking: by its dimensions it is a picture, and not too large."""
        width, height = attachment.width, attachment.height
        if width is None or height is None or attachment.id in self._hopeless:
            return False
        return self._imaging.accepts(width, height, attachment.size)

    async def get(self, caller: Principal, reference: Reference) -> Derivative:
        """The thumbnail of what the caller may read by that name.

        Raises NotFound, also where none can be made of it; Unavailable where too many others are being made;
        Corrupt.
        """
        attachment = await self._downloads.find(caller, reference)
        if kept := await self._kept(attachment):
            return kept
        if not self.offers(attachment):
            raise NotFound(_NONE)
        # Others may be waiting for the same one: it is made even when this caller hangs up.
        return await asyncio.shield(self._task(caller, attachment))

    async def close(self) -> None:
        tasks = list(self._making.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _task(self, caller: Principal, attachment: Attachment) -> asyncio.Task[Derivative]:
        task = self._making.get(attachment.id)
        if task is None:
            if len(self._making) >= self._room:
                raise Unavailable("Too many thumbnails are being made.", retry_after=5)
            task = asyncio.create_task(self._make(caller, attachment), name="thumbnail")
            task.add_done_callback(lambda done: self._done(attachment.id, done))
            self._making[attachment.id] = task
        return task

    def _done(self, attachment_id: int, task: asyncio.Task[Derivative]) -> None:
        del self._making[attachment_id]
        if not task.cancelled():
            task.exception()  # seen, even if everybody who asked is gone

    async def _make(self, caller: Principal, attachment: Attachment) -> Derivative:
        async with self._turns:
            if kept := await self._kept(attachment):  # meanwhile, or by another worker
                return kept
            made = await self._convert(caller, attachment)
        if made is None:
            self._give_up_on(attachment)
            raise NotFound(_NONE)
        await self._keep(attachment, made)
        return made

    async def _convert(self, caller: Principal, attachment: Attachment) -> Derivative | None:
        content = await self._downloads.open(caller, ById(attachment.id))
        await content.check(0, attachment.size)
        picture = cast(AsyncGenerator[bytes, None], content.read(0, attachment.size))
        async with aclosing(picture):
            return await self._imaging.thumbnail(picture)

    async def _kept(self, attachment: Attachment) -> Derivative | None:
        async with self._transactions.read() as facts:
            return await facts.derivatives.find(attachment.id, THUMBNAIL)

    async def _keep(self, attachment: Attachment, made: Derivative) -> None:
        """Raises NotFound when the attachment was deleted meanwhile. One that cannot be kept is shown all the same."""
        try:
            async with self._transactions.write() as facts:
                if not await facts.derivatives.keep(attachment.id, THUMBNAIL, made):
                    raise NotFound
        except Unavailable:
            log.exception("the thumbnail of attachment %s could not be kept", attachment.id)

    def _give_up_on(self, attachment: Attachment) -> None:
        self._hopeless[attachment.id] = None
        while len(self._hopeless) > _HOPELESS:
            self._hopeless.popitem(last=False)
