"""Uploads that arrive in parts: opening them, noting their progress, and the one that completes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import BigInteger, BindParameter, and_, bindparam, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from coatcheck.domain.attachment import Attachment, Draft, Part
from coatcheck.domain.claim import ById, ByPublicId
from coatcheck.domain.errors import Contended
from coatcheck.domain.lifecycle import Event, State, sources
from coatcheck.repositories.rows import (
    COLUMNS,
    attachment_of,
    first,
    part_row,
    readable,
    row_of,
)
from coatcheck.repositories.tables import attachments, parts

_SPANS = [column for column in parts.c if column.name not in ("inline", "attachment_id")]

# Made once, since every part asks them: to make one takes longer than to carry it out.
_NOW: BindParameter[int] = bindparam("now", type_=BigInteger)
_BY_UPLOAD_KEY = (
    select(*COLUMNS)
    .where(
        attachments.c.tenant_id == bindparam("tenant"),
        attachments.c.upload_key == bindparam("key"),
        or_(
            and_(attachments.c.state == State.RECEIVING.value, attachments.c.expires_at > _NOW),
            and_(readable(_NOW), attachments.c.updated_at > bindparam("since")),
        ),
    )
    .order_by((attachments.c.state == State.RECEIVING.value).desc(), attachments.c.id.desc())
    .limit(1)
)
_BY_UPLOAD_KEY_LOCKED = _BY_UPLOAD_KEY.with_for_update(key_share=True)
_PROGRESS = update(attachments).where(
    attachments.c.id == bindparam("of"), attachments.c.state == State.RECEIVING.value
)
_ADD_PART = insert(parts).returning(parts.c.id)


class Receiving:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def open(self, draft: Draft) -> tuple[Attachment, bool]:
        """Begin a chunked upload under the draft's key, or find the one that is open; True when it is new."""
        make = sqlite.insert if self._connection.dialect.name == "sqlite" else postgresql.insert
        created = await self._connection.execute(
            make(attachments)
            .values(row_of(draft))
            .on_conflict_do_nothing(
                index_elements=["tenant_id", "upload_key"],
                index_where=attachments.c.state == State.RECEIVING.value,
            )
            .returning(*COLUMNS)
        )
        if row := created.one_or_none():
            return attachment_of(row), True
        found = await self._connection.execute(
            select(*COLUMNS)
            .where(
                attachments.c.tenant_id == draft.tenant_id,
                attachments.c.upload_key == draft.upload_key,
                attachments.c.state == State.RECEIVING.value,
            )
            .with_for_update(key_share=True)
        )
        if row := found.one_or_none():
            return attachment_of(row), False
        raise Contended(retry_after=1)  # it was completed or expired since

    async def add_part(self, attachment_id: int, part: Part) -> Part:
        """As it is recorded, with its id."""
        id = await self._connection.scalar(_ADD_PART, part_row(attachment_id, part))
        return replace(part, id=int(id))

    async def progress(
        self, attachment_id: int, *, received: int, now: int, values: dict[str, Any]
    ) -> bool:
        """Note how far a chunked upload is; `values` may bring a later name, media type or expiry.

        False when it is not receiving any more: add no part to it then.
        """
        result = await self._connection.execute(
            _PROGRESS, {"of": attachment_id, "received": received, "updated_at": now, **values}
        )
        return result.rowcount == 1

    async def seal(
        self, attachment_id: int, state: State, *, now: int, values: dict[str, Any]
    ) -> int | None:
        """Complete a chunked upload: of several that try, one gets the bytes it had reserved, the others None."""
        held = await self._connection.scalar(
            select(attachments.c.reserved)
            .where(attachments.c.id == attachment_id)
            .with_for_update(key_share=True)
        )
        result = await self._connection.execute(
            update(attachments)
            .where(
                attachments.c.id == attachment_id, attachments.c.state.in_(sources(Event.COMPLETE))
            )
            .values(state=state.value, charged=True, reserved=0, updated_at=now, **values)
        )
        return int(held or 0) if result.rowcount == 1 else None

    async def by_upload_key(
        self, tenant_id: int, upload_key: str, now: int, since: int, *, lock: bool = False
    ) -> Attachment | None:
        """The open upload with that key, else the newest one that was completed under it after `since`.

        With `lock` no other transaction adds to it meanwhile, so that of two last parts one sees the other.
        """
        rows = await self._connection.execute(
            _BY_UPLOAD_KEY_LOCKED if lock else _BY_UPLOAD_KEY,
            {"tenant": tenant_id, "key": upload_key, "now": now, "since": since},
        )
        return first([attachment_of(row) for row in rows])

    async def begun(
        self,
        owner_id: int,
        dialect: str,
        reference: ById | ByPublicId,
        now: int,
        *,
        lock: bool = False,
    ) -> Attachment | None:
        """The owner's upload that was begun before its bytes, open or completed since."""
        named = (
            attachments.c.id == reference.id
            if isinstance(reference, ById)
            else attachments.c.public_id == reference.public_id
        )
        query = select(*COLUMNS).where(
            named,
            attachments.c.owner_id == owner_id,
            attachments.c.dialect == dialect,
            attachments.c.part_size.is_not(None),
            or_(
                and_(attachments.c.state == State.RECEIVING.value, attachments.c.expires_at > now),
                readable(now),
            ),
        )
        rows = await self._connection.execute(
            query.with_for_update(key_share=True) if lock else query
        )
        return first([attachment_of(row) for row in rows])

    async def count_receiving(self, owner_id: int) -> int:
        return int(
            await self._connection.scalar(
                select(func.count()).where(
                    attachments.c.owner_id == owner_id, attachments.c.state == State.RECEIVING.value
                )
            )
            or 0
        )
