"""A folder of a tenant's tree, and where in it a new attachment goes."""

from __future__ import annotations

from dataclasses import dataclass

MAX_DEPTH = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """Counts are direct children and attachments only; `path` runs from the root to the folder itself."""

    id: int
    tenant_id: int
    parent_id: int | None
    name: str
    path: tuple[str, ...]
    children_count: int
    attachments_count: int
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Filing:
    """Where a new attachment is to be filed: folders are made as needed, a taken name gets a counter."""

    folders: tuple[str, ...]
    base: str

    @property
    def token(self) -> str:
        return "/".join((*self.folders, self.base))

    @classmethod
    def at(cls, token: str) -> Filing:
        """The filing with this token; no name has a slash in it."""
        *folders, base = token.split("/")
        return cls(folders=tuple(folders), base=base)
