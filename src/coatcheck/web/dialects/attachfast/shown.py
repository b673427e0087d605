"""Attachments and folders as the File API shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import quote

from coatcheck.domain import folder as tree
from coatcheck.domain.attachment import Attachment
from coatcheck.services.folders import FolderView
from coatcheck.web.dialects.attachfast.shapes import (
    ChildFolder,
    File,
    FileToken,
    Folder,
    FolderDetail,
    FolderName,
    FolderTree,
    Node,
    Pagination,
)

#: What a file is called that was left through an API where it need not have a name.
NAMELESS = "file"


def file_of(attachment: Attachment, folders: Mapping[int, tree.Folder], base_url: str) -> File:
    """`folders` by id, `base_url` is where the links lead."""
    folder = folders.get(attachment.folder_id or 0)
    name = _last_segment(attachment.token) or attachment.name or NAMELESS
    url = f"{base_url}/f/{attachment.capability}/{quote(name, safe='')}"
    return File(
        id=attachment.id,
        token=attachment.token,
        filename=name,
        content_type=attachment.media_type,
        file_size=attachment.size,
        url=url,
        download_url=f"{url}?download=1",
        folder=FolderName(id=folder.id, name=folder.name) if folder else None,
        created_at=instant(attachment.created_at),
        updated_at=instant(attachment.updated_at),
    )


def folder_of(folder: tree.Folder) -> Folder:
    return Folder(
        id=folder.id,
        name=folder.name,
        parent_id=folder.parent_id,
        parent=_parent(folder),
        children_count=folder.children_count,
        files_count=folder.attachments_count,
        path=list(folder.path),
        created_at=instant(folder.created_at),
        updated_at=instant(folder.updated_at),
    )


def folder_with_contents(view: FolderView) -> FolderDetail:
    head = folder_of(view.folder)
    return FolderDetail(
        **head.model_dump(exclude={"parent"}),
        parent=head.parent,
        children=[
            ChildFolder(
                id=child.id,
                name=child.name,
                parent_id=view.folder.id,
                children_count=child.children_count,
                files_count=child.attachments_count,
            )
            for child in view.children
        ],
        files=[
            FileToken(
                id=each.id,
                token=each.token or "",
                filename=_last_segment(each.token) or each.name or NAMELESS,
            )
            for each in view.attachments
        ],
    )


def tree_of(folders: Sequence[tree.Folder]) -> FolderTree:
    """All folders, in the order in which siblings are to be, become a tree without recursion."""
    nodes = {
        each.id: Node(id=each.id, name=each.name, files_count=each.attachments_count, children=[])
        for each in folders
    }
    roots: list[Node] = []
    for each in folders:
        siblings = roots if each.parent_id is None else nodes[each.parent_id].children
        siblings.append(nodes[each.id])
    return FolderTree(tree=roots)


def pagination_of(page: int, per_page: int, total: int) -> Pagination:
    return Pagination(
        page=page, per_page=per_page, total_count=total, total_pages=-(-total // per_page)
    )


def instant(time: int) -> str:
    """`2025-12-30T16:18:00Z`: the second that has begun."""
    return datetime.fromtimestamp(time // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _last_segment(token: str | None) -> str:
    """Its name here, whatever another API has renamed it to."""
    return (token or "").rpartition("/")[2]


def _parent(folder: tree.Folder) -> FolderName | None:
    """The path knows the parent's name."""
    if folder.parent_id is None:
        return None
    return FolderName(id=folder.parent_id, name=folder.path[-2])
