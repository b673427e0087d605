"""Folders: the tree of a tenant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from coatcheck.domain.attachment import Attachment
from coatcheck.domain.errors import BadName, Cycle, Invalid, NameTaken, NotEmpty, NotFound
from coatcheck.domain.folder import MAX_DEPTH, Folder
from coatcheck.domain.principal import Principal
from coatcheck.services.ports import Clock, Facts, Transactions


class _Unchanged:
    """The value of a field that a request leaves out; None moves a folder to the root."""


UNCHANGED = _Unchanged()


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderView:
    """One folder with what is directly in it: folders by name, attachments newest first."""

    folder: Folder
    children: Sequence[Folder]
    attachments: Sequence[Attachment]


class Folders:
    def __init__(self, transactions: Transactions, clock: Clock) -> None:
        self._transactions = transactions
        self._clock = clock

    async def get(self, caller: Principal, folder_id: int) -> Folder:
        """Raises NotFound."""
        async with self._transactions.read() as facts:
            return await _found(facts, caller, folder_id)

    async def view(self, caller: Principal, folder_id: int) -> FolderView:
        """Raises NotFound."""
        async with self._transactions.read() as facts:
            folder = await _found(facts, caller, folder_id)
            children = await facts.folders.children(caller.tenant_id, folder_id)
            filed = await facts.listings.filed_in(folder_id)
        return FolderView(folder=folder, children=children, attachments=filed)

    async def of(self, caller: Principal, attachments: Sequence[Attachment]) -> dict[int, Folder]:
        """The folders that these attachments are in, by id."""
        wanted = {each.folder_id for each in attachments if each.folder_id is not None}
        if not wanted:
            return {}
        async with self._transactions.read() as facts:
            return {each.id: each for each in await facts.folders.some(caller.tenant_id, wanted)}

    async def all(self, caller: Principal) -> list[Folder]:
        """The whole tree, by name."""
        async with self._transactions.read() as facts:
            return await facts.folders.all(caller.tenant_id)

    async def page(
        self,
        caller: Principal,
        page: int,
        per_page: int,
        *,
        parent_id: int | None = None,
        roots: bool = False,
    ) -> tuple[list[Folder], int]:
        """(a page by name, how many there are); pages count from 1."""
        async with self._transactions.read() as facts:
            return await facts.folders.page(
                caller.tenant_id, (page - 1) * per_page, per_page, parent_id=parent_id, roots=roots
            )

    async def create(self, caller: Principal, name: str, parent_id: int | None) -> Folder:
        """Raises Invalid(field="parent"), NameTaken, BadName where it would be too deep."""
        async with self._transactions.write() as facts:
            await facts.folders.lock_tree(caller.tenant_id)
            if parent_id is not None:
                await _parent(facts, caller, parent_id)
                if await facts.folders.depth(parent_id) >= MAX_DEPTH:
                    raise BadName("The folder would be too deep.", field="parent", reason="depth")
            if await facts.folders.sibling(caller.tenant_id, parent_id, name) is not None:
                raise NameTaken(field="name")
            folder_id = await facts.folders.add(
                caller.tenant_id, parent_id, name, self._clock.now()
            )
            return await _found(facts, caller, folder_id)

    async def change(
        self,
        caller: Principal,
        folder_id: int,
        *,
        name: str | _Unchanged = UNCHANGED,
        parent_id: int | _Unchanged | None = UNCHANGED,
    ) -> Folder:
        """Rename, move with the whole subtree, or both. Raises NotFound, Invalid(field="parent"), Cycle, NameTaken."""
        now = self._clock.now()
        async with self._transactions.write() as facts:
            await facts.folders.lock_tree(caller.tenant_id)
            folder = await _found(facts, caller, folder_id)
            new_name = folder.name if isinstance(name, _Unchanged) else name
            new_parent = folder.parent_id if isinstance(parent_id, _Unchanged) else parent_id
            if new_parent != folder.parent_id and new_parent is not None:
                await _parent(facts, caller, new_parent)
                if await facts.folders.is_within(new_parent, folder_id):
                    raise Cycle(field="parent")
                depth = (
                    await facts.folders.depth(new_parent)
                    + 1
                    + await facts.folders.height(folder_id)
                )
                if depth > MAX_DEPTH:
                    raise BadName("The folder would be too deep.", field="parent", reason="depth")
            if await facts.folders.sibling(caller.tenant_id, new_parent, new_name) not in (
                None,
                folder_id,
            ):
                raise NameTaken(field="name")
            if new_parent != folder.parent_id:
                await facts.folders.move(folder_id, new_parent, new_name, now)
            elif new_name != folder.name:
                await facts.folders.rename(folder_id, new_name, now)
            return await _found(facts, caller, folder_id)

    async def delete(self, caller: Principal, folder_id: int) -> None:
        """An empty one. Raises NotFound, NotEmpty(holds="folders"|"attachments"), folders first."""
        async with self._transactions.write() as facts:
            await facts.folders.lock_tree(caller.tenant_id)
            folder = await _found(facts, caller, folder_id)
            if folder.children_count:
                raise NotEmpty(holds="folders")
            if folder.attachments_count:
                raise NotEmpty(holds="attachments")
            await facts.folders.delete(folder_id)


async def _found(facts: Facts, caller: Principal, folder_id: int) -> Folder:
    folder = await facts.folders.find(caller.tenant_id, folder_id)
    if folder is None:
        raise NotFound
    return folder


async def _parent(facts: Facts, caller: Principal, folder_id: int) -> None:
    if await facts.folders.find(caller.tenant_id, folder_id) is None:
        raise Invalid("The parent must exist.", field="parent", reason="missing")
