"""What a client says of a post: read, checked, and put into the core's words (Campr, «Posts»)."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import Headers

from coatcheck.domain.claim import ByDigest, Wanted
from coatcheck.domain.digest import parse_sha3_256
from coatcheck.domain.errors import Invalid, Malformed, NotFound
from coatcheck.domain.media_type import clean_media_type
from coatcheck.domain.names import clean_filename
from coatcheck.services.commands import RequestId
from coatcheck.services.ports import Body
from coatcheck.web.dialects.campr.uploading import client_request_id
from coatcheck.web.headers.content_encoding import refuse_encoded
from coatcheck.web.streaming import read_json

#: Bytes of JSON: the protocol's limit for a post is 1 MB.
MAX_POST = 1_000_000

#: A URL that can stand in a parameter of Content-Type as it is.
_TypeUrl = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9+.\-]*:[!#-\[\]-~]+$", max_length=500)]


class _Draft(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")


class AttachmentDraft(_Draft):
    """One that the post shall have, and what the post calls it, where that differs."""

    digest: str
    name: str | None = None
    content_type: str | None = None
    category: Annotated[str, Field(max_length=255)] | None = None


class VersionDraft(_Draft):
    message: Annotated[str, Field(max_length=10_000)] | None = None
    parents: list[Any] | None = None


class PostChange(_Draft):
    """What is left out stays as it is; `attachments` is the whole new list."""

    type: _TypeUrl | None = None
    content: dict[str, Any] | None = None
    permissions: dict[str, Any] | None = None
    attachments: list[AttachmentDraft | str] | None = None
    version: VersionDraft | None = None


class PostDraft(PostChange):
    type: _TypeUrl
    content: dict[str, Any]


Drafted = TypeVar("Drafted", bound=PostChange)


async def read_draft(kind: type[Drafted], headers: Headers, body: Body) -> Drafted:
    """Raises Invalid, Malformed, TooLarge, Incomplete, Unsupported."""
    refuse_encoded(headers)
    value = await read_json(body, MAX_POST)
    try:
        draft = kind.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = ".".join(str(step) for step in first["loc"]) or "post"
        raise Invalid(f"{field}: {first['msg']}", field=field) from None
    if not draft.model_fields_set:
        raise Invalid("The request changes nothing.")
    return draft


def wanted_by(draft: PostChange) -> tuple[Wanted, ...] | None:
    """None where the draft does not speak of attachments. Raises NotFound, BadName, Invalid."""
    if draft.attachments is None:
        return None
    return tuple(
        _wanted(AttachmentDraft(digest=each) if isinstance(each, str) else each)
        for each in draft.attachments
    )


def request_of(
    method: Literal["POST", "PATCH", "DELETE"],
    path: str,
    headers: Headers,
    draft: PostChange | None = None,
) -> RequestId | None:
    """What tells this request from others, where its client gave it an id of its own."""
    given = client_request_id(headers)
    if given is None:
        return None
    said = draft.model_dump(exclude_unset=True) if draft else None
    return RequestId(
        endpoint="campr posts", id=given, fingerprint=fingerprint([method, path, said])
    )


def fingerprint(document: object) -> str:
    """SHA3-256 in hex of a JSON document, however it was spelled."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha3_256(text.encode()).hexdigest()


def _wanted(draft: AttachmentDraft) -> Wanted:
    try:
        digest = parse_sha3_256(draft.digest)
    except Malformed:
        raise NotFound from None  # nothing has such a name
    media_type = clean_media_type(draft.content_type)
    if draft.content_type is not None and media_type is None:
        raise Invalid("content_type is not a media type.", field="content_type")
    return Wanted(
        reference=ByDigest(digest),
        name=None if draft.name is None else clean_filename(draft.name, field="name"),
        media_type=media_type,
        category=draft.category,
    )
