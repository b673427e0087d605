"""The objects of Campr's API as they stand on the wire. Times are whole seconds since 1970, sizes bytes."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class AttachmentShape(BaseModel):
    """A detached attachment; `expires_at` is how long it is kept for being attached."""

    digest: str = Field(description="SHA3-256 in lower-case hex.")
    name: str | None
    content_type: str
    size: int
    created_at: int
    expires_at: int | None


class AttachedShape(BaseModel):
    """An attachment as a post calls it."""

    digest: str
    name: str | None
    content_type: str
    size: int
    category: str | None = Field(None, description="Absent unless the post gave one.")


class OneAttachment(BaseModel):
    attachment: AttachmentShape


class ManyAttachments(BaseModel):
    attachments: list[AttachmentShape]


class PartTaken(BaseModel):
    """Nothing yet: the header `Range` repeats which bytes were taken."""


class VersionShape(BaseModel):
    """`id` is the SHA3-256 of what the version says, in hex."""

    id: str
    message: str | None
    parents: list[Any]
    published_at: int
    received_at: int


class PostShape(BaseModel):
    id: str
    entity: str
    type: str
    content: dict[str, Any]
    permissions: dict[str, Any]
    version: VersionShape
    published_at: int
    received_at: int
    attachments: list[AttachedShape]


class OnePost(BaseModel):
    post: PostShape


class ManyPosts(BaseModel):
    posts: list[PostShape]


class ManyVersions(BaseModel):
    versions: list[VersionShape]


class SpaceShape(BaseModel):
    """`space_available` null is without limit."""

    space_used: int
    space_available: int | None


class TypeShape(SpaceShape):
    """What the posts of one type weigh is the weight of their attachments."""

    count: int


class EndpointShape(BaseModel):
    """Absent figures do not apply to the endpoint; null is without limit."""

    rate_limit_limit: int
    rate_limit_remaining: int
    rate_limit_reset: int
    list_limit_default: int | None = None
    list_limit_maximum: int | None = None
    size_maximum: int | None = None
    detached_count: int | None = None
    detached_count_limit: int | None = None
    detached_space_used: int | None = None
    detached_space_available: int | None = None
    detached_ttl: int | None = None


class ServerInfo(BaseModel):
    """`types` by type URL; `endpoints` by endpoint, then by method."""

    global_: SpaceShape = Field(alias="global")
    types: dict[str, TypeShape]
    endpoints: dict[str, dict[str, EndpointShape]]


class ErrorShape(BaseModel):
    """`id` is of this one occurrence."""

    id: str
    code: str
    description: str


class Errors(BaseModel):
    errors: list[ErrorShape]
