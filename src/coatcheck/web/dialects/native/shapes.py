"""The objects of the native API as they stand on the wire. Times are RFC 3339, sizes bytes, durations seconds."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class ContainerShape(BaseModel):
    """`kind` of what another API keeps has the API's name in front: campr.post."""

    kind: str
    id: str


class DimensionsShape(BaseModel):
    """In pixels."""

    width: int
    height: int


class AttachmentShape(BaseModel):
    id: int
    public_id: str = Field(description="16 letters and digits, random.")
    token: str | None = Field(description="Its path in the tenant's tree, if it is in there.")
    name: str | None
    media_type: str
    size: int
    digests: dict[str, str] = Field(
        description="In hex, by algorithm: sha256, and others if known."
    )
    state: Literal["detached", "claimed"]
    owner: str | None = Field(description="The login of whoever left it.")
    dimensions: DimensionsShape | None = Field(description="Of a picture.")
    created_at: str
    expires_at: str | None = Field(
        description="Detached: when it goes. In a claim: when that lapses. Null: it stays."
    )
    containers: list[ContainerShape] = Field(description="What holds it, oldest claim first.")
    url: str = Field(description="Its bytes.")
    thumbnail_url: str | None = Field(description="A small picture of it, where one can be made.")


class PutShape(BaseModel):
    """A PUT that stores a part, with these header fields and no others that matter; once, until it expires."""

    url: str
    headers: dict[str, str]
    with_key: bool = Field(
        description="Whether the request takes your key: to this server, never to its store."
    )
    expires_at: str | None


class PartShape(BaseModel):
    """The bytes from `start` on."""

    number: int
    start: int
    size: int
    there: bool
    put: PutShape | None = Field(description="Where it goes, if that was asked for.")


class UploadShape(BaseModel):
    id: str
    state: Literal["open", "complete"]
    name: str | None
    media_type: str
    size: int
    received: int
    part_size: int
    expires_at: str | None = Field(description="When it goes, unless it is completed.")
    parts: list[PartShape]
    attachment: AttachmentShape | None = Field(description="What it has become.")


class AnnouncementShape(BaseModel):
    """`part_size` is chosen so that there are no more than a hundred parts, unless it is given."""

    name: str | None = None
    media_type: str | None = None
    size: int = Field(ge=1)
    part_size: int | None = Field(None, ge=1)
    digest: str | None = Field(
        None, description="sha256:… or sha3-256:… of the whole, in hex: verified before it is seen."
    )


class ManyAttachments(BaseModel):
    """`next` is the `cursor` of the next page; null at the end."""

    attachments: list[AttachmentShape]
    next: str | None


class ClaimsShape(BaseModel):
    """What a container holds, in its order, each as the container calls it."""

    container: ContainerShape
    attachments: list[AttachmentShape]


class BytesShape(BaseModel):
    """`limit` and `available` null: without limit."""

    used: int
    reserved: int
    limit: int | None
    available: int | None


class CountShape(BaseModel):
    count: int
    limit: int | None


class DetachedShape(BaseModel):
    count: int
    bytes: int


class UsageShape(BaseModel):
    bytes: BytesShape
    attachments: CountShape
    detached: DetachedShape
    max_size: int


class RefusalShape(BaseModel):
    """The name is the one that the request used."""

    id: int | str | None = None
    digest: str | None = None
    token: str | None = None
    pointer: str
    reason: Literal["not_found", "expired", "claimed", "incomplete", "digest_mismatch"]


class ProblemShape(BaseModel):
    """RFC 9457, with a stable `code`, and what else is known."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    field: str | None = None
    pointer: str | None = Field(None, description="The place in the JSON (RFC 6901).")
    limit: int | None = None
    minimum: int | None = None
    maximum: int | None = None
    size: int | None = None
    retry_after: int | None = None
    missing: list[int] | None = Field(None, description="Numbers of parts.")
    refusals: list[RefusalShape] | None = None


class WantedShape(BaseModel):
    """Named by `id` in any form, `token` or `digest`; with id or token, `digest` is what it has to have."""

    id: int | str | None = None
    digest: str | None = Field(None, description="sha256:… or sha3-256:…, in hex.")
    token: str | None = None
    name: str | None = Field(None, description="What the container calls it.")
    media_type: str | None = None


class ExactlyShape(BaseModel):
    attachments: list[WantedShape | int | str]
    exclusive: bool = Field(True, description="Refused where another container holds one of them.")
    lease: int | None = Field(None, description="Seconds after which the claim lapses.")
    expires_at: str | None = Field(None, description="The moment at which it does, instead.")


class ClaimShape(ExactlyShape):
    container: ContainerShape


class ChangeShape(BaseModel):
    name: str | None = None
    media_type: str | None = None
    expires_in: int | None = Field(None, description="Seconds from now, of a detached one.")
