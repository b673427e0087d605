"""The JSON of the File API, key by key in the order of its documentation."""

from __future__ import annotations

from pydantic import BaseModel, Field

_EXAMPLE_TIME = "2025-12-30T16:18:00Z"


class Errors(BaseModel):
    """Whatever went wrong: one sentence each."""

    errors: list[str] = Field(examples=[["Record not found"]])


class FolderName(BaseModel):
    id: int
    name: str


class File(BaseModel):
    """A file of the site. `folder` is null in the root; `token` is null for what was left through another API and is
    not in the site's tree.
    """

    id: int
    token: str | None = Field(examples=["users/avatar.png"])
    filename: str = Field(examples=["avatar.png"])
    content_type: str = Field(examples=["image/png"])
    file_size: int
    url: str
    download_url: str
    folder: FolderName | None
    created_at: str = Field(examples=[_EXAMPLE_TIME])
    updated_at: str = Field(examples=[_EXAMPLE_TIME])


class Pagination(BaseModel):
    page: int
    per_page: int
    total_count: int
    total_pages: int


class FilePage(BaseModel):
    files: list[File]
    pagination: Pagination


class FileToken(BaseModel):
    id: int
    token: str
    filename: str


class Folder(BaseModel):
    """Counts are direct children and files; `path` runs from the root to the folder itself."""

    id: int
    name: str
    parent_id: int | None
    parent: FolderName | None
    children_count: int
    files_count: int
    path: list[str]
    created_at: str = Field(examples=[_EXAMPLE_TIME])
    updated_at: str = Field(examples=[_EXAMPLE_TIME])


class ChildFolder(BaseModel):
    id: int
    name: str
    parent_id: int
    children_count: int
    files_count: int


class FolderDetail(BaseModel):
    """One folder with what is directly in it."""

    id: int
    name: str
    parent_id: int | None
    parent: FolderName | None
    children_count: int
    files_count: int
    path: list[str]
    children: list[ChildFolder]
    files: list[FileToken]
    created_at: str = Field(examples=[_EXAMPLE_TIME])
    updated_at: str = Field(examples=[_EXAMPLE_TIME])


class FolderPage(BaseModel):
    folders: list[Folder]
    pagination: Pagination


class Node(BaseModel):
    id: int
    name: str
    files_count: int
    children: list[Node]


class FolderTree(BaseModel):
    tree: list[Node]


class ChunkPending(BaseModel):
    message: str = "Chunk received successfully"
    status: str = "pending"
    received_size: int
    total_size: int


class UploadComplete(BaseModel):
    message: str = "File upload completed successfully"
    status: str = "complete"
