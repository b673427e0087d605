"""Blobs that others may store: which upload each is for, and until when they may.

A slot outlives its intent, which goes when the blob is recorded: for as long as somebody may still store under its key,
whoever deletes the blob has to look for it once more.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    String,
    bindparam,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from coatcheck.domain.attachment import Attachment
from coatcheck.domain.intent import Intent
from coatcheck.domain.slot import Slot
from coatcheck.repositories.tables import attachments, intents, slots


class Slots:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, attachment_id: int, some: Iterable[Slot]) -> None:
        """With their intents. One that was there for the same bytes is forgotten; its intent stays for the sweep."""
        made = list(some)
        if not made:
            return
        await self._connection.execute(
            delete(slots).where(
                slots.c.attachment_id == attachment_id,
                slots.c.start.in_([slot.start for slot in made]),
            )
        )
        await self._connection.execute(
            insert(intents),
            [
                {
                    "blob_key": slot.intent.blob_key,
                    "owner_id": slot.intent.owner_id,
                    "reserved": slot.intent.reserved,
                    "lease": slot.intent.lease,
                    "lease_until": slot.intent.lease_until,
                }
                for slot in made
            ],
        )
        await self._connection.execute(
            insert(slots),
            [
                {
                    "attachment_id": attachment_id,
                    "start": slot.start,
                    "size": slot.size,
                    "blob_key": slot.intent.blob_key,
                    "open_until": slot.intent.lease_until,
                }
                for slot in made
            ],
        )

    async def open(self, upload: Attachment) -> list[Slot]:
        """Those whose blobs are not recorded yet, and that no sweep has taken over."""
        rows = await self._connection.execute(
            select(slots.c.start, slots.c.size, *intents.c)
            .join(intents, intents.c.blob_key == slots.c.blob_key)
            .where(slots.c.attachment_id == upload.id, intents.c.lease == upload.public_id)
            .order_by(slots.c.start)
        )
        return [
            Slot(
                start=row.start,
                size=row.size,
                intent=Intent(**{column.name: row._mapping[column] for column in intents.c}),
            )
            for row in rows
        ]

    async def keep_open(self, upload: Attachment, slot: Slot, until: int) -> bool:
        """For longer than before. False when a sweep has taken it over, or it was recorded."""
        kept = await self._connection.execute(
            update(intents)
            .where(intents.c.blob_key == slot.intent.blob_key, intents.c.lease == upload.public_id)
            .values(lease_until=until)
        )
        if kept.rowcount == 1:
            await self._connection.execute(
                update(slots)
                .where(slots.c.blob_key == slot.intent.blob_key)
                .values(open_until=until)
            )
        return kept.rowcount == 1


async def close_slots(
    connection: AsyncConnection, attachment_ids: list[int], now: int
) -> dict[int, int]:
    """Their blobs are gone: those that may be stored once more get an intent again, for a sweep, and keep their room in
    the quota until then. By attachment, the bytes that are set aside for that.
    """
    rows = (await connection.execute(_OF, {"ids": attachment_ids})).all()
    if not rows:
        return {}
    values = {"ids": attachment_ids, "now": now, "lease": secrets.token_hex(16)}
    await connection.execute(_SET_ASIDE, values)
    await connection.execute(_CLOSE, values)
    await connection.execute(_DROP, values)
    kept: dict[int, int] = {}
    for row in rows:
        if row.open_until > now:
            kept[row.attachment_id] = kept.get(row.attachment_id, 0) + row.size
    return kept


# Made once: they are carried out with each delete.
_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_STILL_OPEN = slots.c.open_until > bindparam("now", type_=BigInteger)
_OF = select(slots.c.attachment_id, slots.c.size, slots.c.open_until).where(
    slots.c.attachment_id.in_(_IDS)
)
_SET_ASIDE = (
    update(intents)
    .where(
        intents.c.blob_key.in_(
            select(slots.c.blob_key).where(slots.c.attachment_id.in_(_IDS), _STILL_OPEN)
        )
    )
    .values(
        reserved=select(slots.c.size)
        .where(slots.c.blob_key == intents.c.blob_key)
        .scalar_subquery()
    )
)
_CLOSE = insert(intents).from_select(
    ["blob_key", "owner_id", "reserved", "lease", "lease_until"],
    select(
        slots.c.blob_key,
        attachments.c.owner_id,
        slots.c.size,
        bindparam("lease", type_=String),
        slots.c.open_until,
    )
    .join(attachments, attachments.c.id == slots.c.attachment_id)
    .outerjoin(intents, intents.c.blob_key == slots.c.blob_key)
    .where(attachments.c.id.in_(_IDS), _STILL_OPEN, intents.c.blob_key.is_(None)),
)
_DROP = delete(slots).where(slots.c.attachment_id.in_(_IDS))
