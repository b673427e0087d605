"""Posts, which attachments are attached to, and their versions (Campr, «Posts», «Post», «Post versions»)."""

from __future__ import annotations

import uuid

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coatcheck.domain.container import Container, ContainerRef, ContainerVersion
from coatcheck.domain.pages import Mark
from coatcheck.services.commands import AmendContainer, CreateContainer, DeleteContainer
from coatcheck.web.dependencies import BaseUrl, Body, Desk
from coatcheck.web.dialects.campr import documents
from coatcheck.web.dialects.campr.documenting import answers, body_of, reads
from coatcheck.web.dialects.campr.drafts import (
    PostChange,
    PostDraft,
    read_draft,
    request_of,
    wanted_by,
)
from coatcheck.web.dialects.campr.filters import sieve_of
from coatcheck.web.dialects.campr.finding import KIND, find_post, ref_of
from coatcheck.web.dialects.campr.metering import Caller, Metered
from coatcheck.web.dialects.campr.paging import paging_of
from coatcheck.web.dialects.campr.shapes import ManyPosts, ManyVersions, OnePost
from coatcheck.web.routing import Router

router = Router(tags=["campr: posts"], route_class=Metered)


@router.post(
    "/posts",
    summary="Create a post with its attachments",
    openapi_extra=body_of(PostDraft),
    responses=answers({200: {"model": OnePost}}, 400, 404, 409, 413),
)
async def create_post(
    request: Request, caller: Caller, services: Desk, body: Body, base: BaseUrl
) -> Response:
    draft = await read_draft(PostDraft, request.headers, body)
    post = await services.containers.create(
        CreateContainer(
            caller=caller,
            ref=ContainerRef(KIND, uuid.uuid4().hex),
            wanted=wanted_by(draft) or (),
            compose=documents.first_version(draft, caller.login),
            exclusive=False,
            request=request_of("POST", request.url.path, request.headers, draft),
        )
    )
    return _answer(post, base, {"Location": f"{base}/posts/{post.ref.external_id}"})


@reads(
    router,
    "/posts",
    summary="Posts, newest first",
    responses=answers({200: {"model": ManyPosts}}, 400),
)
async def list_posts(
    request: Request,
    caller: Caller,
    services: Desk,
    base: BaseUrl,
    limit: str | None = None,
    page: str | None = None,
    types: str | None = None,
    authors: str | None = None,
    after: str | None = None,
    before: str | None = None,
) -> Response:
    query = [
        (name, text)
        for name in ("types", "authors", "after", "before")
        for text in request.query_params.getlist(name)
    ]
    paging = paging_of(request, caller, *query)
    found = await services.containers.counted_page(caller, KIND, paging.window, sieve_of(query))
    return paging.answer(
        "posts",
        found,
        lambda post: documents.shown_post(post, base),
        lambda post: Mark(post.created_at, post.id),
    )


@reads(
    router,
    "/posts/{id}",
    summary="A post, in its newest version or the one named",
    responses=answers({200: {"model": OnePost}}, 404),
)
async def get_post(
    id: str, caller: Caller, services: Desk, base: BaseUrl, version: str | None = None
) -> Response:
    return _answer(await find_post(services, caller, id, version), base)


@router.patch(
    "/posts/{id}",
    summary="Add a version to a post; what older versions have stays attached",
    openapi_extra=body_of(PostChange),
    responses=answers({200: {"model": OnePost}}, 400, 404, 409, 413),
)
async def change_post(
    request: Request, id: str, caller: Caller, services: Desk, body: Body, base: BaseUrl
) -> Response:
    change = await read_draft(PostChange, request.headers, body)
    post = await services.containers.amend(
        AmendContainer(
            caller=caller,
            ref=ref_of(id),
            wanted=wanted_by(change),
            compose=documents.next_version(change),
            exclusive=False,
            request=request_of("PATCH", request.url.path, request.headers, change),
        )
    )
    return _answer(post, base)


@router.delete(
    "/posts/{id}",
    summary="Delete a post, and the attachments that no other post has",
    responses=answers({200: {"model": OnePost}}, 404, 409),
)
async def delete_post(
    request: Request, id: str, caller: Caller, services: Desk, base: BaseUrl
) -> Response:
    post = await services.containers.delete(
        DeleteContainer(
            caller=caller,
            ref=ref_of(id),
            tombstone=documents.tombstone,
            request=request_of("DELETE", request.url.path, request.headers),
        )
    )
    return _answer(post, base)


@reads(
    router,
    "/post_versions/{id}",
    summary="The versions of a post, newest first",
    responses=answers({200: {"model": ManyVersions}}, 400, 404),
)
async def list_versions(
    request: Request,
    id: str,
    caller: Caller,
    services: Desk,
    limit: str | None = None,
    page: str | None = None,
) -> Response:
    paging = paging_of(request, caller)
    found = await services.containers.versions(caller, ref_of(id), paging.window)
    return paging.answer("versions", found, documents.shown_version, _version_mark)


def _answer(post: Container, base: str, headers: dict[str, str] | None = None) -> Response:
    shown = documents.shown_post(post, base)
    return JSONResponse(
        {"post": shown}, media_type=f'application/json; type="{shown["type"]}"', headers=headers
    )


def _version_mark(version: ContainerVersion) -> Mark:
    return Mark(version.created_at, version.number)
