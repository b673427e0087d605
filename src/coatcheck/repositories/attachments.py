"""Attachments and their parts: recording them, and finding them again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, bindparam, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from coatcheck.domain.attachment import Attachment, Draft, Part
from coatcheck.domain.claim import Reference
from coatcheck.domain.digest import SHA3_256
from coatcheck.domain.lifecycle import VISIBLE, Event, State, target
from coatcheck.domain.principal import Principal
from coatcheck.repositories.rows import (
    COLUMNS,
    DIGESTS,
    IN_SIGHT,
    READABLE_BY_CALLER,
    attachment_of,
    called,
    first,
    of_few,
    part_row,
    readable,
    recorded,
    row_of,
    unexpired,
)
from coatcheck.repositories.tables import attachments, parts

_SPANS = [column for column in parts.c if column.name not in ("inline", "attachment_id")]

# Statements of nearly every request are made once: to make one takes longer than to carry it out.
_OF_ATTACHMENT = parts.c.attachment_id == bindparam("attachment_id")
_PARTS = select(*_SPANS).where(_OF_ATTACHMENT)
_PARTS_WITH_BYTES = select(*_SPANS, parts.c.inline).where(_OF_ATTACHMENT)
_INSERT = insert(attachments).returning(attachments.c.id, sort_by_parameter_order=True)
_INSERT_PARTS = insert(parts)
_BLOBS_OF = (
    select(parts.c.id, parts.c.attachment_id, parts.c.blob_key)
    .where(
        parts.c.attachment_id.in_(bindparam("ids", expanding=True)),
        parts.c.blob_key.is_not(None),
        parts.c.id > bindparam("beyond"),
    )
    .order_by(parts.c.id)
    .limit(bindparam("limit", type_=Integer))
)


def _named(column: ColumnElement[Any]) -> Select[Any]:
    return select(*COLUMNS).where(column == bindparam("name"), READABLE_BY_CALLER)


def _with_digest(algorithm: str, *conditions: ColumnElement[bool]) -> Select[Any]:
    """The newest of those with one content."""
    return (
        select(*COLUMNS)
        .where(
            attachments.c.tenant_id == bindparam("caller_tenant_id"),
            attachments.c[algorithm] == bindparam("name"),
            *conditions,
        )
        .order_by(attachments.c.id.desc())
        .limit(1)
    )


#: What a caller may read under one of its names: in this order, if there are several.
_CANDIDATES = {
    column.name: [_named(column)]
    for column in (attachments.c.id, attachments.c.public_id, attachments.c.token)
} | {
    algorithm: [
        _with_digest(
            algorithm,
            attachments.c.state == State.DETACHED.value,
            of_few(attachments.c.owner_id) == bindparam("caller_id"),
            unexpired(bindparam("now")),
        ),
        _with_digest(algorithm, attachments.c.state == State.CLAIMED.value),
    ]
    for algorithm in DIGESTS
}


class Attachments:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, drafts: Sequence[Draft]) -> list[Attachment]:
        """Record whole attachments with their parts, in the order given: two statements however many there are."""
        rows = await self._connection.execute(_INSERT, [row_of(draft) for draft in drafts])
        ids = list(rows.scalars())
        found = [(id, draft.part) for id, draft in zip(ids, drafts, strict=True) if draft.part]
        if found:
            await self._connection.execute(
                _INSERT_PARTS, [part_row(id, part) for id, part in found]
            )
        return [recorded(id, draft) for id, draft in zip(ids, drafts, strict=True)]

    async def supersede(self, newest: Attachment, now: int) -> list[int]:
        """The owner's other detached ones with the same content (SHA3-256) make way for the newest; which."""
        rows = await self._connection.execute(
            update(attachments)
            .where(
                attachments.c.tenant_id == newest.tenant_id,
                attachments.c.sha3_256 == newest.digests[SHA3_256],
                of_few(attachments.c.owner_id) == newest.owner_id,
                attachments.c.dialect == newest.dialect,
                attachments.c.state == State.DETACHED.value,
                attachments.c.id != newest.id,
            )
            .values(state=target(Event.DELETE).value, reason="superseded", updated_at=now)
            .returning(attachments.c.id)
        )
        return list(rows.scalars())

    async def amend(
        self,
        attachment_id: int,
        states: Iterable[State] | None,
        *,
        now: int,
        values: dict[str, Any],
    ) -> bool:
        """Change what it is called or how long it is kept. False when it is not readable, or in none of the states."""
        wanted = VISIBLE if states is None else states
        result = await self._connection.execute(
            update(attachments)
            .where(attachments.c.id == attachment_id, attachments.c.state.in_(list(wanted)))
            .values(updated_at=now, **values)
        )
        return result.rowcount == 1

    async def note_digests(self, attachment_id: int, digests: dict[str, str]) -> None:
        await self._connection.execute(
            update(attachments)
            .where(attachments.c.id == attachment_id, attachments.c.state.in_(VISIBLE))
            .values(**digests)
        )

    async def without_digest(
        self, algorithm: str, limit: int, *, owner_id: int | None = None, beyond: int = 0
    ) -> list[Attachment]:
        """Readable ones (of one owner) whose digest is still to be computed, by id, from beyond that one."""
        query = select(*COLUMNS).where(
            attachments.c[algorithm].is_(None), IN_SIGHT, attachments.c.id > beyond
        )
        if owner_id is not None:
            query = query.where(attachments.c.owner_id == owner_id)
        rows = await self._connection.execute(query.order_by(attachments.c.id).limit(limit))
        return [attachment_of(row) for row in rows]

    async def _best(
        self, caller: Principal, column: str, name: object, now: int
    ) -> Attachment | None:
        asked = {
            "name": name,
            "caller_tenant_id": caller.tenant_id,
            "caller_id": caller.id,
            "now": now,
        }
        for query in _CANDIDATES[column]:
            if row := (await self._connection.execute(query, asked)).first():
                return attachment_of(row)
        return None

    async def by_id(self, caller: Principal, attachment_id: int, now: int) -> Attachment | None:
        return await self._best(caller, "id", attachment_id, now)

    async def by_public_id(self, caller: Principal, public_id: str, now: int) -> Attachment | None:
        return await self._best(caller, "public_id", public_id, now)

    async def why_not(self, caller: Principal, reference: Reference, now: int) -> str:
        """Why the caller cannot read its own attachment: "incomplete", "expired", or, as for others', "not_found"."""
        row = (
            await self._connection.execute(
                select(attachments.c.state, attachments.c.reason, attachments.c.expires_at)
                .where(
                    called(reference),
                    attachments.c.tenant_id == caller.tenant_id,
                    attachments.c.owner_id == caller.id,
                )
                .order_by(attachments.c.id.desc())
                .limit(1)
            )
        ).one_or_none()
        if row is None:
            return "not_found"
        if row.reason == "expired" or (row.expires_at is not None and row.expires_at <= now):
            return "expired"
        return "incomplete" if row.state == State.RECEIVING.value else "not_found"

    async def by_token(self, caller: Principal, token: str, now: int) -> Attachment | None:
        return await self._best(caller, "token", token, now)

    async def by_digest(
        self, caller: Principal, algorithm: str, digest: str, now: int
    ) -> Attachment | None:
        return await self._best(caller, algorithm, digest, now)

    async def by_capability(self, capability: str, now: int) -> Attachment | None:
        """Whoever knows the capability may read: it is random, and only its holder was told."""
        rows = await self._connection.execute(
            select(*COLUMNS).where(attachments.c.capability == capability, readable(now))
        )
        return first([attachment_of(row) for row in rows])

    async def recorded(self, public_id: str) -> Attachment | None:
        """By the random id its own depositor chose: whether a commit of unknown outcome took place."""
        rows = await self._connection.execute(
            select(*COLUMNS).where(attachments.c.public_id == public_id)
        )
        return first([attachment_of(row) for row in rows])

    async def parts(self, attachment_id: int, *, inline: bool = False) -> list[Part]:
        """Without their inline bytes, which else come with `part_bytes`."""
        rows = await self._connection.execute(
            _PARTS_WITH_BYTES if inline else _PARTS, {"attachment_id": attachment_id}
        )
        return [Part(**dict(zip(row._fields, row, strict=True))) for row in rows]

    async def blobs_of(
        self, attachment_ids: Iterable[int], limit: int, *, beyond: int = 0
    ) -> list[tuple[int, int, str]]:
        """(part, attachment, blob key) of their parts that are in blobs, by part, from beyond that one."""
        rows = await self._connection.execute(
            _BLOBS_OF, {"ids": list(attachment_ids), "beyond": beyond, "limit": limit}
        )
        return [(row.id, row.attachment_id, row.blob_key) for row in rows]

    async def part_bytes(self, part_id: int) -> bytes:
        return bytes(
            (
                await self._connection.execute(select(parts.c.inline).where(parts.c.id == part_id))
            ).scalar_one()
        )

    async def taken_tokens(self, tenant_id: int, tokens: Sequence[str]) -> set[str]:
        rows = await self._connection.execute(
            select(attachments.c.token).where(
                attachments.c.tenant_id == tenant_id, attachments.c.token.in_(tokens)
            )
        )
        return set(rows.scalars())

    async def refile(
        self, attachment_id: int, *, token: str, name: str, folder_id: int | None, now: int
    ) -> None:
        """To a token that was found to be free while the tree was locked."""
        await self._connection.execute(
            update(attachments)
            .where(attachments.c.id == attachment_id)
            .values(token=token, name=name, folder_id=folder_id, updated_at=now)
        )

    async def unfile(self, attachment_id: int, now: int) -> None:
        """Out of the tree; its link no longer works."""
        await self._connection.execute(
            update(attachments)
            .where(attachments.c.id == attachment_id)
            .values(token=None, folder_id=None, capability=None, updated_at=now)
        )

    async def share(self, attachment_id: int, capability: str, now: int) -> str | None:
        """Its capability: the one it has, else this one. None when it cannot be read (any more)."""
        found: str | None = await self._connection.scalar(
            update(attachments)
            .where(attachments.c.id == attachment_id, readable(now))
            .values(capability=func.coalesce(attachments.c.capability, capability))
            .returning(attachments.c.capability)
        )
        return found

    async def kept_blobs(self, blob_keys: Sequence[str]) -> dict[str, str | None]:
        """Those of these keys that belong to what is not on its way out, with the SHA-256 of their bytes if known."""
        rows = await self._connection.execute(
            select(parts.c.blob_key, parts.c.sha256)
            .join(attachments, attachments.c.id == parts.c.attachment_id)
            .where(
                parts.c.blob_key.in_(blob_keys),
                attachments.c.state.in_([*VISIBLE, State.RECEIVING]),
            )
        )
        return {str(row.blob_key): row.sha256 for row in rows}

    async def known_blobs(self, blob_keys: Sequence[str]) -> set[str]:
        """Which of these keys belong to a part."""
        rows = await self._connection.execute(
            select(parts.c.blob_key).where(parts.c.blob_key.in_(blob_keys))
        )
        return {str(key) for key in rows.scalars()}
