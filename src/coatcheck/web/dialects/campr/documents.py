"""The document that a version of a post is kept as, and the post on the wire that is made of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote, unquote

from coatcheck.domain.claim import Claim
from coatcheck.domain.container import Container, ContainerVersion
from coatcheck.domain.digest import SHA3_256
from coatcheck.web.dialects.campr.drafts import PostChange, PostDraft, fingerprint
from coatcheck.web.dialects.campr.shapes import AttachedShape, PostShape, VersionShape

#: What is left of a post that was deleted.
TOMBSTONE = "https://campr.me/types/delete/v1"

_PRIVATE = {"public": False}

Document = dict[str, Any]


def first_version(
    draft: PostDraft, author: str
) -> Callable[[Container, Sequence[Claim], int], Document]:
    def compose(post: Container, claims: Sequence[Claim], now: int) -> Document:
        document = {
            "author": author,
            "type": draft.type,
            "content": draft.content,
            "permissions": _PRIVATE if draft.permissions is None else draft.permissions,
            "attachments": [_attached(claim) for claim in claims],
        }
        return _versioned(document, draft, post, now, parents=[])

    return compose


def next_version(
    change: PostChange,
) -> Callable[[Container, Sequence[Claim] | None, int], Document]:
    def compose(post: Container, claims: Sequence[Claim] | None, now: int) -> Document:
        document = dict(post.body)
        for field in ("type", "content", "permissions"):
            if (value := getattr(change, field)) is not None:
                document[field] = value
        if claims is not None:
            document["attachments"] = [_attached(claim) for claim in claims]
        return _versioned(document, change, post, now, parents=[post.body["version_id"]])

    return compose


def tombstone(post: Container, now: int) -> Document:
    document = {
        "author": post.body["author"],
        "type": TOMBSTONE,
        "content": {},
        "permissions": _PRIVATE,
        "attachments": [],
    }
    return _versioned(document, PostChange(), post, now, parents=[post.body["version_id"]])


def shown_post(post: Container, base: str) -> dict[str, Any]:
    document = post.body
    return PostShape(
        id=post.ref.external_id,
        entity=f"{base}/~{quote(document['author'], safe='')}",
        type=document["type"],
        content=document["content"],
        permissions=document["permissions"],
        version=_version(document, post.updated_at),
        published_at=post.created_at // 1000,
        received_at=post.created_at // 1000,
        attachments=[AttachedShape(**each) for each in document["attachments"]],
    ).model_dump(exclude_unset=True)


def shown_version(version: ContainerVersion) -> dict[str, Any]:
    return _version(version.body, version.created_at).model_dump()


def author_of(entity: str) -> str:
    """The login in an entity's URL, as `shown_post` writes it."""
    return unquote(entity.rpartition("/~")[2])


def _version(document: Document, time: int) -> VersionShape:
    return VersionShape(
        id=document["version_id"],
        message=document["message"],
        parents=document["parents"],
        published_at=time // 1000,
        received_at=time // 1000,
    )


def _versioned(
    document: Document, said: PostChange, post: Container, now: int, *, parents: list[Any]
) -> Document:
    """With its id, which is a digest of what the version says and of what it comes after."""
    version = said.version
    document = {
        **document,
        "message": version.message if version else None,
        "parents": parents if version is None or version.parents is None else version.parents,
    }
    said_all = {**document, "version_id": None, "after": parents}
    document["version_id"] = fingerprint([post.ref.external_id, now, said_all])
    return document


def _attached(claim: Claim) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "digest": claim.attachment.digests[SHA3_256],
        "name": claim.shown_name,
        "content_type": claim.shown_media_type,
        "size": claim.attachment.size,
    }
    return shown if claim.category is None else {**shown, "category": claim.category}
