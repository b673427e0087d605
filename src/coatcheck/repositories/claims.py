"""Which container holds which attachment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Row, and_, bindparam, delete, exists, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from coatcheck.domain.attachment import Attachment
from coatcheck.domain.claim import Claim, Wanted
from coatcheck.domain.lifecycle import State
from coatcheck.domain.principal import Principal
from coatcheck.repositories.rows import COLUMNS, attachment_of, first
from coatcheck.repositories.tables import attachments, claims, containers


class Claims:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(
        self,
        container_id: int,
        held: Sequence[tuple[int, Wanted]],
        now: int,
        expires_at: int | None = None,
    ) -> None:
        """Record that the container holds these, after those it holds already."""
        last = await self._connection.scalar(_LAST, {"container": container_id})
        start = 0 if last is None else last + 1
        rows: list[dict[str, Any]] = [
            {
                "container_id": container_id,
                "attachment_id": attachment_id,
                "position": position,
                "name": wanted.name,
                "media_type": wanted.media_type,
                "category": wanted.category,
                "created_at": now,
                "expires_at": expires_at,
            }
            for position, (attachment_id, wanted) in enumerate(held, start)
        ]
        if rows:
            await self._connection.execute(_INSERT, rows)

    async def held_by(self, container_id: int) -> list[Claim]:
        """In the container's order. What was deleted is gone from here at once, its bytes soon after."""
        rows = await self._connection.execute(_HELD_BY, {"container": container_id})
        return [_claim(row) for row in rows]

    async def held_by_each(self, container_ids: Iterable[int]) -> dict[int, list[Claim]]:
        """The same of several containers, by their row ids; one that holds nothing is left out."""
        rows = await self._connection.execute(_HELD_BY_EACH, {"containers": list(container_ids)})
        held: dict[int, list[Claim]] = {}
        for row in rows:
            held.setdefault(row.claim_container_id, []).append(_claim(row))
        return held

    async def held_within(
        self, container_id: int, kind: str, attachment_id: int | None = None
    ) -> list[tuple[int, Claim]]:
        """What a container and its live children of a kind hold, by the attachment's age, each with its holder's row
        id; of one attachment, if it is named.
        """
        child = and_(
            containers.c.parent_id == container_id,
            containers.c.kind == kind,
            containers.c.deleted_at.is_(None),
        )
        query = _HELD.join(containers, containers.c.id == claims.c.container_id).where(
            or_(containers.c.id == container_id, child),
            attachments.c.state == State.CLAIMED.value,
        )
        if attachment_id is not None:
            query = query.where(attachments.c.id == attachment_id)
        rows = await self._connection.execute(query.order_by(attachments.c.id, containers.c.id))
        return [(int(row.claim_container_id), _claim(row)) for row in rows]

    async def drop(self, container_id: int, attachment_ids: Iterable[int]) -> int:
        result = await self._connection.execute(
            delete(claims).where(
                claims.c.container_id == container_id,
                claims.c.attachment_id.in_(list(attachment_ids)),
            )
        )
        return result.rowcount

    async def renew(
        self, container_id: int, held: Sequence[tuple[int, Wanted]], expires_at: int | None
    ) -> int:
        """A claim made again has the new lease, or none; and what it is called now, where it is called anything.

        How many there were: one may have lapsed since it was looked up.
        """
        renewed = 0
        for attachment_id, wanted in held:
            called = {"name": wanted.name, "media_type": wanted.media_type}
            result = await self._connection.execute(
                update(claims)
                .where(
                    claims.c.container_id == container_id, claims.c.attachment_id == attachment_id
                )
                .values(
                    expires_at=expires_at,
                    **{field: text for field, text in called.items() if text is not None},
                )
            )
            renewed += result.rowcount
        return renewed

    async def arrange(self, container_id: int, attachment_ids: Sequence[int]) -> None:
        """Put what the container holds into this order."""
        places = [
            {"held": attachment_id, "place": place}
            for place, attachment_id in enumerate(attachment_ids)
        ]
        if places:
            await self._connection.execute(
                update(claims)
                .where(
                    claims.c.container_id == container_id,
                    claims.c.attachment_id == bindparam("held"),
                )
                .values(position=bindparam("place")),
                places,
            )

    async def lapse(self, now: int, limit: int) -> list[int]:
        """Drop claims whose lease has run out; the attachments that they held, which are locked before."""
        held = select(claims.c.attachment_id).where(claims.c.expires_at < now).limit(limit)
        due = (
            await self._connection.execute(
                select(attachments.c.id)
                .where(attachments.c.id.in_(held))
                .order_by(attachments.c.id)
                .with_for_update(skip_locked=True, key_share=True)
            )
        ).scalars()
        rows = await self._connection.execute(
            delete(claims)
            .where(claims.c.expires_at < now, claims.c.attachment_id.in_(due.all()))
            .returning(claims.c.attachment_id)
        )
        return sorted(set(rows.scalars()))

    async def holders(self, attachment_ids: Iterable[int]) -> dict[int, list[int]]:
        """The row ids of the containers that hold each, oldest claim first."""
        rows = await self._connection.execute(_HOLDERS, {"ids": list(attachment_ids)})
        held: dict[int, list[int]] = {}
        for attachment_id, container_id in rows:
            held.setdefault(attachment_id, []).append(container_id)
        return held

    async def in_collection(
        self, owner: Principal, kind: str, algorithm: str, digest: str
    ) -> Attachment | None:
        """An attachment with that content which a container of the owner, of this kind, holds already; or one of the
        owner's own in the tenant's tree.
        """
        rows = await self._connection.execute(
            select(*COLUMNS)
            .where(
                attachments.c.tenant_id == owner.tenant_id,
                attachments.c[algorithm] == digest,
                attachments.c.state == State.CLAIMED.value,
                exists(
                    select(1)
                    .select_from(claims.join(containers, containers.c.id == claims.c.container_id))
                    .where(
                        claims.c.attachment_id == attachments.c.id,
                        or_(
                            and_(containers.c.owner_id == owner.id, containers.c.kind == kind),
                            and_(attachments.c.owner_id == owner.id, containers.c.kind == "site"),
                        ),
                    )
                ),
            )
            .order_by(attachments.c.id.desc())
            .limit(1)
        )
        return first([attachment_of(row._mapping) for row in rows])


_HELD = select(
    *COLUMNS,
    claims.c.container_id.label("claim_container_id"),
    claims.c.position.label("claim_position"),
    claims.c.name.label("claim_name"),
    claims.c.media_type.label("claim_media_type"),
    claims.c.category.label("claim_category"),
    claims.c.expires_at.label("claim_expires_at"),
).join(claims, claims.c.attachment_id == attachments.c.id)


# Statements of each claim are made once: to make one takes longer than to carry it out.
_HELD_NOW = _HELD.where(attachments.c.state == State.CLAIMED.value)
_HELD_BY = _HELD_NOW.where(claims.c.container_id == bindparam("container")).order_by(
    claims.c.position
)
_HELD_BY_EACH = _HELD_NOW.where(
    claims.c.container_id.in_(bindparam("containers", expanding=True))
).order_by(claims.c.container_id, claims.c.position)
_LAST = select(func.max(claims.c.position)).where(claims.c.container_id == bindparam("container"))
_INSERT = insert(claims)
_HOLDERS = (
    select(claims.c.attachment_id, claims.c.container_id)
    .where(claims.c.attachment_id.in_(bindparam("ids", expanding=True)))
    .order_by(claims.c.created_at, claims.c.container_id)
)

_NAMES = [column.name for column in COLUMNS]


def _claim(row: Row[*tuple[Any, ...]]) -> Claim:
    return Claim(
        attachment=attachment_of(dict(zip(_NAMES, row, strict=False))),
        position=row.claim_position,
        name=row.claim_name,
        media_type=row.claim_media_type,
        category=row.claim_category,
        expires_at=row.claim_expires_at,
    )
