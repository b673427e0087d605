"""/coatcheck/v1/attachments: leave them, find them, read them, call them something else, delete them."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coatcheck.domain.container import ContainerRef
from coatcheck.domain.digest import SHA256, parse_sha256
from coatcheck.domain.errors import BadName, Invalid, NotFound
from coatcheck.domain.lifecycle import State
from coatcheck.domain.media_type import bare, safe_inline
from coatcheck.domain.names import download_name
from coatcheck.domain.selection import Selection
from coatcheck.services.commands import ChangeDetails
from coatcheck.web.content import GUARDS, content_response
from coatcheck.web.dependencies import BaseUrl, Body, Config, Desk
from coatcheck.web.dialects.native import drafts
from coatcheck.web.dialects.native.asking import Caller, Named, one_of, read_value
from coatcheck.web.dialects.native.documenting import (
    IDEMPOTENCY_KEY,
    answers,
    bytes_answers,
    in_query,
    json_body,
    picture_answers,
    raw_body,
)
from coatcheck.web.dialects.native.kinds import ref_of
from coatcheck.web.dialects.native.paging import next_of, window_of
from coatcheck.web.dialects.native.references import token_of
from coatcheck.web.dialects.native.shapes import AttachmentShape, ChangeShape, ManyAttachments
from coatcheck.web.dialects.native.showing import ROOT, View, address, shown_one
from coatcheck.web.dialects.native.uploading import take
from coatcheck.web.headers.content_disposition import content_disposition
from coatcheck.web.headers.digest import structured
from coatcheck.web.headers.link import Link
from coatcheck.web.routing import Router

router = Router(tags=["Coatcheck: attachments"])

_NAMELESS = "attachment"
_STATES = {"detached": State.DETACHED, "claimed": State.CLAIMED}

#: Seconds: nobody can claim faster than this.
_SHORTEST = 60

_UPLOAD_HEADERS = {
    "Content-Disposition": "`attachment; filename=…`",
    "Content-Digest": "`sha-256=:…:` (RFC 9530) is verified; so is `Repr-Digest`.",
    **IDEMPOTENCY_KEY,
}
_FILTERS = {
    "state": "`detached` or `claimed`.",
    "container": "`kind:id`: what it holds.",
    "owner": "A login: what that user left.",
    "token": "The path of a file in the tenant's tree.",
    "limit": "At most 200; 50 unless told.",
    "cursor": "`next` of the page before.",
}


@router.post(
    "",
    status_code=201,
    summary="Leave an attachment",
    openapi_extra=raw_body(_UPLOAD_HEADERS),
    responses=answers({201: {"model": AttachmentShape}}, 400, 409, 413, 415, 422, 507),
)
async def leave(
    request: Request, caller: Caller, services: Desk, config: Config, body: Body, base: BaseUrl
) -> Response:
    attachment = await take(services.uploads, request.headers, caller, body, config)
    shown = await shown_one(services, caller, base, attachment)
    return JSONResponse(shown, 201, headers={"Location": address(base, attachment)})


@router.get(
    "",
    summary="The attachments that the caller may see, newest first",
    openapi_extra=in_query(_FILTERS),
    responses=answers({200: {"model": ManyAttachments}}, 400),
)
async def index(request: Request, caller: Caller, services: Desk, base: BaseUrl) -> Response:
    window = window_of(caller, one_of(request, "limit"), one_of(request, "cursor"))
    page = await services.listing.visible(caller, _selection(request), window)
    view = await View.of(services, caller, base, page.items)
    cursor = next_of(caller, page)
    shown = ManyAttachments(attachments=[view.attachment(each) for each in page.items], next=cursor)
    response = JSONResponse(shown.model_dump())
    if cursor:
        url = request.url.include_query_params(cursor=cursor)
        response.headers["Link"] = str(Link(f"{base}{ROOT}/attachments?{url.query}", "next"))
    return response


@router.get(
    "/{id}",
    summary="One attachment",
    responses=answers({200: {"model": AttachmentShape}}, 404),
)
async def show(caller: Caller, id: Named, services: Desk, base: BaseUrl) -> Response:
    attachment = await services.downloads.find(caller, id)
    return JSONResponse(await shown_one(services, caller, base, attachment))


@router.get(
    "/{id}/content",
    summary="The bytes of an attachment",
    description="In place where its type is safe to show, else for saving. "
    "Ranges and conditional requests are answered.",
    response_class=Response,
    responses=bytes_answers(404, 416),
)
async def content(request: Request, caller: Caller, id: Named, services: Desk) -> Response:
    opened = await services.downloads.open(caller, id)
    attachment = opened.attachment
    sha256 = attachment.digests.get(SHA256)
    response = await content_response(
        request,
        opened,
        etag=sha256 or attachment.public_id,
        media_type=_sent_type(attachment.media_type),
        disposition=content_disposition(
            "inline" if safe_inline(attachment.media_type) else "attachment",
            download_name(attachment.name or _NAMELESS),
        ),
        redirect=True,
    )
    if sha256 and response.status_code != 302 and (digest := structured(parse_sha256(sha256))):
        response.headers["Repr-Digest"] = digest
    return response


@router.get(
    "/{id}/thumbnail",
    summary="A small picture of an image",
    response_class=Response,
    responses=picture_answers(404),
)
async def thumbnail(caller: Caller, id: Named, services: Desk) -> Response:
    made = await services.thumbnails.get(caller, id)
    return Response(made.content, headers=GUARDS, media_type=made.media_type)


@router.patch(
    "/{id}",
    summary="Call an attachment something else, or keep it longer",
    openapi_extra=json_body(ChangeShape),
    responses=answers({200: {"model": AttachmentShape}}, 400, 404, 409, 413, 415),
)
async def change(
    request: Request,
    caller: Caller,
    id: Named,
    services: Desk,
    config: Config,
    body: Body,
    base: BaseUrl,
) -> Response:
    longest = max(config.detached_ttl, config.detached_ttl_max) // 1000
    draft = drafts.change(await read_value(request.headers, body), _SHORTEST, longest)
    changed = await services.details.change(
        ChangeDetails(
            caller=caller,
            reference=id,
            name=draft.name,
            media_type=draft.media_type,
            lifetime=None if draft.expires_in is None else draft.expires_in * 1000,
        )
    )
    return JSONResponse(await shown_one(services, caller, base, changed))


@router.delete(
    "/{id}",
    status_code=204,
    summary="Delete an attachment that nothing holds",
    responses=answers({204: {"description": "It is gone."}}, 404, 409),
)
async def delete(caller: Caller, id: Named, services: Desk) -> Response:
    await services.deleting.delete(caller, id, {State.DETACHED}, tell_why=True)
    return Response(status_code=204)


def _selection(request: Request) -> Selection:
    """Raises Invalid."""
    state = one_of(request, "state")
    if state is not None and state not in _STATES:
        raise Invalid("state is detached or claimed.", field="state")
    token = one_of(request, "token")
    try:
        token = None if token is None else token_of(token)
    except BadName:
        raise Invalid("token is not a path.", field="token") from None
    return Selection(
        state=None if state is None else _STATES[state],
        container=_container(one_of(request, "container")),
        owner=one_of(request, "owner"),
        token=token,
    )


def _container(text: str | None) -> ContainerRef | None:
    if text is None:
        return None
    kind, _, id = text.partition(":")
    try:
        return ref_of(kind, id)
    except NotFound:
        raise Invalid("container is not kind:id.", field="container") from None


def _sent_type(media_type: str) -> str:
    """Text without a charset is UTF-8: no browser is left to guess."""
    if media_type == bare(media_type) == "text/plain":
        return "text/plain; charset=utf-8"
    return media_type
