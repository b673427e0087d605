"""Everything on record, a page at a time, for whoever checks it. Pages run by row id; `only` asks for those rows again.

Each page is read in one short transaction, so that a check of a million rows keeps no writer waiting.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from coatcheck.domain.attachment import Part
from coatcheck.domain.lifecycle import State
from coatcheck.domain.soundness import Branch, Miscount, Record, StoredPart
from coatcheck.repositories.rows import DIGESTS, expirable, unpurged
from coatcheck.repositories.tables import (
    attachments,
    claims,
    folder_paths,
    folders,
    intents,
    parts,
    quotas,
    replays,
    tenants,
)
from coatcheck.repositories.tables.tallies import BY_OWNER, BY_TENANT
from coatcheck.repositories.tallies import compared, sums_of

#: Parts that are in memory at once: a page of attachments is cut where it has more.
_PARTS_AT_ONCE = 20_000

_PART_COLUMNS = [column for column in parts.c if column.name != "inline"]


class Auditing:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def records(
        self, beyond: int, limit: int, only: Sequence[int] | None = None
    ) -> list[Record]:
        """Attachments with their parts. A page may be short; only an empty one is the end."""
        heads = (
            await self._connection.execute(_page(_HEADS, attachments.c.id, beyond, limit, only))
        ).all()
        taken: list[Row[Any]] = []
        count = 0
        for head in heads:
            count += head.parts
            if taken and count > _PARTS_AT_ONCE:
                break
            taken.append(head)
        found = await self._parts([head.id for head in taken if head.parts])
        return [
            Record(
                id=head.id,
                state=State(head.state),
                size=head.size,
                received=head.received,
                charged=head.charged,
                reserved=head.reserved,
                filed=bool(head.filed),
                held=bool(head.held),
                digests={
                    name: head._mapping[name] for name in DIGESTS if head._mapping[name] is not None
                },
                parts=found[head.id],
            )
            for head in taken
        ]

    async def stored_parts(
        self, beyond: int, limit: int, only: Sequence[int] | None = None
    ) -> list[StoredPart]:
        query = select(
            parts.c.id,
            parts.c.attachment_id,
            attachments.c.state,
            parts.c.size,
            parts.c.blob_key,
            func.length(parts.c.inline).label("inline_size"),
        ).join(attachments, attachments.c.id == parts.c.attachment_id)
        rows = await self._connection.execute(_page(query, parts.c.id, beyond, limit, only))
        return [StoredPart(**(dict(row._mapping) | {"state": State(row.state)})) for row in rows]

    async def quotas(
        self, beyond: int, limit: int, only: Sequence[int] | None = None
    ) -> list[Miscount]:
        """Of one statement, and so of one moment."""
        rows = await self._connection.execute(
            _page(_QUOTAS, quotas.c.owner_id, beyond, limit, only)
        )
        return [
            Miscount(
                id=row.owner_id,
                noted={
                    "used": row.used,
                    "reserved": row.reserved,
                    "attachments": row.attachments,
                    **sums_of(row, BY_OWNER, "noted_"),
                },
                counted={
                    "used": int(row.charged),
                    "reserved": int(row.set_aside) + int(row.intended),
                    "attachments": int(row.number),
                    **sums_of(row, BY_OWNER),
                },
            )
            for row in rows
        ]

    async def trees(
        self, beyond: int, limit: int, only: Sequence[int] | None = None
    ) -> list[Miscount]:
        """How much each tenant has in its tree; of one statement."""
        rows = await self._connection.execute(_page(_TREES, tenants.c.id, beyond, limit, only))
        what = BY_TENANT
        return [
            Miscount(id=row.id, noted=sums_of(row, what, "noted_"), counted=sums_of(row, what))
            for row in rows
        ]

    async def branches(
        self, beyond: int, limit: int, only: Sequence[int] | None = None
    ) -> list[Branch]:
        query = select(folders.c.id, folders.c.tenant_id, folders.c.parent_id)
        rows = (
            await self._connection.execute(_page(query, folders.c.id, beyond, limit, only))
        ).all()
        wanted = {row.id for row in rows} | {row.parent_id for row in rows if row.parent_id}
        above: dict[int, dict[int, int]] = defaultdict(dict)
        for some in _chunks(sorted(wanted)):
            paths = await self._connection.execute(
                select(folder_paths).where(folder_paths.c.descendant_id.in_(some))
            )
            for path in paths:
                above[path.descendant_id][path.ancestor_id] = path.depth
        return [
            Branch(
                id=row.id,
                tenant_id=row.tenant_id,
                parent_id=row.parent_id,
                above=above[row.id],
                above_parent=above.get(row.parent_id) if row.parent_id else None,
            )
            for row in rows
        ]

    async def astray(self, beyond: int, limit: int, only: Sequence[int] | None = None) -> list[int]:
        """Folders that are not there, and have paths in the closure."""
        gone = ~select(1).where(folders.c.id == folder_paths.c.descendant_id).exists()
        query = select(folder_paths.c.descendant_id).where(gone).distinct()
        rows = await self._connection.execute(
            _page(query, folder_paths.c.descendant_id, beyond, limit, only)
        )
        return list(rows.scalars())

    async def crowded(
        self, beyond: int, limit: int, only: Sequence[int] | None = None
    ) -> list[int]:
        """Containers with two claims at one place."""
        query = (
            select(claims.c.container_id)
            .group_by(claims.c.container_id)
            .having(func.count() > func.count(claims.c.position.distinct()))
        )
        rows = await self._connection.execute(
            _page(query, claims.c.container_id, beyond, limit, only)
        )
        return list(rows.scalars())

    async def named_twice(self, limit: int) -> list[str]:
        """Blobs that a part names while an intent still promises to write, or to drop, them."""
        rows = await self._connection.execute(
            select(intents.c.blob_key)
            .join(parts, parts.c.blob_key == intents.c.blob_key)
            .limit(limit)
        )
        return list(rows.scalars())

    async def leases_beyond(self, until: int, limit: int) -> tuple[list[str], list[int]]:
        """(intents, attachments being purged) that are leased for longer than anybody leases: a clock was wrong."""
        intended = await self._connection.execute(
            select(intents.c.blob_key).where(intents.c.lease_until > until).limit(limit)
        )
        purging = await self._connection.execute(
            select(attachments.c.id)
            .where(attachments.c.state == State.PURGING.value, attachments.c.lease_until > until)
            .limit(limit)
        )
        return list(intended.scalars()), list(purging.scalars())

    async def overdue(self, before: int, tombstones_before: int) -> dict[str, int]:
        """How many of each a sweep should have thrown away by then."""
        purged = attachments.c.state == State.PURGED.value
        counts = {
            "expired attachments": (attachments, expirable(before)),
            "attachments to purge": (
                attachments,
                and_(unpurged(before), attachments.c.updated_at < before),
            ),
            "tombstones": (attachments, and_(purged, attachments.c.updated_at < tombstones_before)),
            "intents": (intents, intents.c.lease_until < before),
            "remembered answers": (replays, replays.c.expires_at < before),
        }
        return {
            what: int(
                await self._connection.scalar(select(func.count()).select_from(table).where(where))
                or 0
            )
            for what, (table, where) in counts.items()
        }

    async def file_damage(self) -> list[str]:
        """What SQLite finds wrong with its file: reads all of it. Nothing for other databases, which have tools."""
        if self._connection.dialect.name != "sqlite":
            return []
        found = await self._connection.execute(text("PRAGMA integrity_check"))
        damage = [str(line) for line in found.scalars() if line != "ok"]
        dangling = await self._connection.execute(text("PRAGMA foreign_key_check"))
        return damage + [
            f"row {row[1]} of {row[0]} refers to a row of {row[2]} that is not there"
            for row in dangling
        ]

    async def _parts(self, attachment_ids: list[int]) -> dict[int, list[Part]]:
        found: dict[int, list[Part]] = defaultdict(list)
        for some in _chunks(attachment_ids):
            rows = await self._connection.execute(
                select(*_PART_COLUMNS)
                .where(parts.c.attachment_id.in_(some))
                .order_by(parts.c.attachment_id, parts.c.id)
            )
            for row in rows:
                fields = dict(row._mapping)
                found[fields.pop("attachment_id")].append(Part(**fields))
        return found


_HEADS = select(
    attachments.c.id,
    attachments.c.state,
    attachments.c.size,
    attachments.c.received,
    attachments.c.charged,
    attachments.c.reserved,
    *(attachments.c[name] for name in DIGESTS),
    or_(attachments.c.token.is_not(None), attachments.c.folder_id.is_not(None)).label("filed"),
    select(1).where(claims.c.attachment_id == attachments.c.id).exists().label("held"),
    select(func.count())
    .where(parts.c.attachment_id == attachments.c.id)
    .scalar_subquery()
    .label("parts"),
)


def _sum(column: ColumnElement[Any], *where: ColumnElement[bool]) -> ColumnElement[Any]:
    return select(func.coalesce(func.sum(column), 0)).where(*where).scalar_subquery()


_OWN = attachments.c.owner_id == quotas.c.owner_id
#: What the rows of an owner add up to: bytes charged, set aside and intended, and attachments.
COUNTED = {
    "charged": _sum(attachments.c.size, _OWN, attachments.c.charged.is_(True)),
    "set_aside": _sum(attachments.c.reserved, _OWN),
    "intended": _sum(intents.c.reserved, intents.c.owner_id == quotas.c.owner_id),
    "number": select(func.count())
    .where(_OWN, attachments.c.state != State.PURGED.value)
    .scalar_subquery(),
}
_QUOTAS = select(
    quotas.c.owner_id,
    quotas.c.used,
    quotas.c.reserved,
    quotas.c.attachments,
    *(column.label(name) for name, column in COUNTED.items()),
    *compared(BY_OWNER, quotas.c.owner_id),
)
_TREES = select(tenants.c.id, *compared(BY_TENANT, tenants.c.id))


def _page(
    query: Select[Any],
    key: ColumnElement[int],
    beyond: int,
    limit: int,
    only: Sequence[int] | None,
) -> Select[Any]:
    return query.where(key > beyond if only is None else key.in_(only)).order_by(key).limit(limit)


def _chunks(ids: list[int], size: int = 500) -> list[list[int]]:
    return [ids[at : at + size] for at in range(0, len(ids), size)]
