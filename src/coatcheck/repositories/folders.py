"""The tree of a tenant: folders with their closure, so that paths and subtrees are one query each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, delete, func, insert, select, text, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from coatcheck.domain.folder import Folder
from coatcheck.repositories.postgresql import lock_number
from coatcheck.repositories.rows import of_few
from coatcheck.repositories.tables import attachments, folder_paths, folders

_child = folders.alias("child")
_CHILDREN = select(func.count()).where(_child.c.parent_id == folders.c.id).scalar_subquery()
_ATTACHMENTS = select(func.count()).where(attachments.c.folder_id == folders.c.id).scalar_subquery()
_COLUMNS = (*folders.c, _CHILDREN.label("children_count"), _ATTACHMENTS.label("attachments_count"))


class Folders:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def lock_tree(self, tenant_id: int) -> None:
        """One change to a tenant's tree at a time, so that two moves cannot make a cycle between them.

        SQLite's writing transactions are alone anyway.
        """
        if self._connection.dialect.name == "postgresql":
            await self._connection.execute(
                text("SELECT pg_advisory_xact_lock(:tree)"),
                {"tree": lock_number("tree", tenant_id)},
            )

    async def find(self, tenant_id: int, folder_id: int) -> Folder | None:
        found = await self._select(
            and_(folders.c.tenant_id == tenant_id, folders.c.id == folder_id)
        )
        return found[0] if found else None

    async def children(self, tenant_id: int, parent_id: int | None) -> list[Folder]:
        """By name, then id."""
        return await self._select(
            and_(
                folders.c.tenant_id == tenant_id,
                folders.c.parent_id.is_not_distinct_from(parent_id),
            )
        )

    async def some(self, tenant_id: int, ids: Iterable[int]) -> list[Folder]:
        return await self._select(
            and_(of_few(folders.c.tenant_id) == tenant_id, folders.c.id.in_(list(ids)))
        )

    async def all(self, tenant_id: int) -> list[Folder]:
        """By name, then id: one query, however many there are."""
        rows = await self._rows(folders.c.tenant_id == tenant_id)
        by_id = {row.id: row for row in rows}
        return [_folder(row, _path(row, by_id)) for row in rows]

    async def page(
        self,
        tenant_id: int,
        offset: int,
        limit: int,
        *,
        parent_id: int | None = None,
        roots: bool = False,
    ) -> tuple[list[Folder], int]:
        """(one page by name, how many there are): all of the tenant's, or the roots, or one folder's children."""
        where = folders.c.tenant_id == tenant_id
        if parent_id is not None:
            where = and_(where, folders.c.parent_id == parent_id)
        elif roots:
            where = and_(where, folders.c.parent_id.is_(None))
        total = int(
            await self._connection.scalar(select(func.count()).select_from(folders).where(where))
            or 0
        )
        return await self._select(where, offset, limit), total

    async def sibling(self, tenant_id: int, parent_id: int | None, name: str) -> int | None:
        """The id of the folder of that name there."""
        found = await self._connection.scalar(
            select(folders.c.id).where(
                folders.c.tenant_id == tenant_id,
                folders.c.parent_id.is_not_distinct_from(parent_id),
                folders.c.name == name,
            )
        )
        return None if found is None else int(found)

    async def add(self, tenant_id: int, parent_id: int | None, name: str, now: int) -> int:
        created = await self._connection.execute(
            insert(folders)
            .values(
                tenant_id=tenant_id, parent_id=parent_id, name=name, created_at=now, updated_at=now
            )
            .returning(folders.c.id)
        )
        folder_id = int(created.scalar_one())
        await self._connection.execute(
            insert(folder_paths).values(ancestor_id=folder_id, descendant_id=folder_id, depth=0)
        )
        if parent_id is not None:
            await self._connect(parent_id, folder_id)
        return folder_id

    async def rename(self, folder_id: int, name: str, now: int) -> None:
        await self._connection.execute(
            update(folders).where(folders.c.id == folder_id).values(name=name, updated_at=now)
        )

    async def move(self, folder_id: int, parent_id: int | None, name: str, now: int) -> None:
        """With its whole subtree, under that name: in one step, since its old name may be taken there.

        The caller has made sure that this is no cycle.
        """
        subtree = select(folder_paths.c.descendant_id).where(
            folder_paths.c.ancestor_id == folder_id
        )
        above = select(folder_paths.c.ancestor_id).where(
            folder_paths.c.descendant_id == folder_id, folder_paths.c.ancestor_id != folder_id
        )
        await self._connection.execute(
            delete(folder_paths).where(
                folder_paths.c.descendant_id.in_(subtree), folder_paths.c.ancestor_id.in_(above)
            )
        )
        await self._connection.execute(
            update(folders)
            .where(folders.c.id == folder_id)
            .values(parent_id=parent_id, name=name, updated_at=now)
        )
        if parent_id is not None:
            await self._connect(parent_id, folder_id)

    async def is_within(self, folder_id: int, ancestor_id: int) -> bool:
        """Whether the folder is the ancestor itself or anywhere below it."""
        found = await self._connection.execute(
            select(1).where(
                folder_paths.c.ancestor_id == ancestor_id, folder_paths.c.descendant_id == folder_id
            )
        )
        return found.first() is not None

    async def depth(self, folder_id: int) -> int:
        """1 for a root."""
        deepest = select(func.max(folder_paths.c.depth)).where(
            folder_paths.c.descendant_id == folder_id
        )
        return int(await self._connection.scalar(deepest) or 0) + 1

    async def height(self, folder_id: int) -> int:
        """Levels below it; 0 for a leaf."""
        lowest = select(func.max(folder_paths.c.depth)).where(
            folder_paths.c.ancestor_id == folder_id
        )
        return int(await self._connection.scalar(lowest) or 0)

    async def delete(self, folder_id: int) -> None:
        """An empty one. The foreign keys refuse any other."""
        await self._connection.execute(
            delete(folder_paths).where(folder_paths.c.descendant_id == folder_id)
        )
        await self._connection.execute(delete(folders).where(folders.c.id == folder_id))

    async def _connect(self, parent_id: int, folder_id: int) -> None:
        up, down = folder_paths.alias("up"), folder_paths.alias("down")
        await self._connection.execute(
            insert(folder_paths).from_select(
                ["ancestor_id", "descendant_id", "depth"],
                select(up.c.ancestor_id, down.c.descendant_id, up.c.depth + down.c.depth + 1)
                .select_from(up.join(down, true()))
                .where(up.c.descendant_id == parent_id, down.c.ancestor_id == folder_id),
            )
        )

    async def _select(
        self, where: ColumnElement[bool], offset: int = 0, limit: int | None = None
    ) -> list[Folder]:
        rows = await self._rows(where, offset, limit)
        paths = await self._paths([row.id for row in rows])
        return [_folder(row, paths[row.id]) for row in rows]

    async def _rows(
        self, where: ColumnElement[bool], offset: int = 0, limit: int | None = None
    ) -> Sequence[Row[Any]]:
        query = select(*_COLUMNS).where(where).order_by(folders.c.name, folders.c.id).offset(offset)
        found = await self._connection.execute(query if limit is None else query.limit(limit))
        return found.all()

    async def _paths(self, ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
        names: dict[int, list[str]] = {id: [] for id in ids}
        for chunk in (ids[at : at + 500] for at in range(0, len(ids), 500)):
            rows = await self._connection.execute(
                select(folder_paths.c.descendant_id, folders.c.name)
                .join(folders, folders.c.id == folder_paths.c.ancestor_id)
                .where(folder_paths.c.descendant_id.in_(chunk))
                .order_by(folder_paths.c.depth.desc())
            )
            for descendant, name in rows:
                names[descendant].append(name)
        return {id: tuple(path) for id, path in names.items()}


def _path(row: Row[Any], by_id: Mapping[int, Row[Any]]) -> tuple[str, ...]:
    names = [row.name]
    while row.parent_id is not None:
        row = by_id[row.parent_id]
        names.append(row.name)
    return tuple(reversed(names))


def _folder(row: Row[Any], path: tuple[str, ...]) -> Folder:
    return Folder(**row._mapping, path=path)
