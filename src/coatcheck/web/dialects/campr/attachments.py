"""Detached attachments: uploading, listing, reading, deleting (Campr, «Detached File Collection»)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coatcheck.domain.attachment import Attachment
from coatcheck.domain.claim import ByDigest
from coatcheck.domain.digest import SHA3_256, Digest, parse_sha3_256
from coatcheck.domain.errors import Gone, Malformed, NotFound
from coatcheck.domain.lifecycle import State
from coatcheck.domain.names import download_name
from coatcheck.domain.pages import Mark
from coatcheck.domain.principal import Principal
from coatcheck.services.bundle import Services
from coatcheck.services.receiving import Progress
from coatcheck.web.content import content_response
from coatcheck.web.dependencies import BaseUrl, Body, Config, Desk
from coatcheck.web.dialects.campr.documenting import answers, bytes_answer, raw_body, reads
from coatcheck.web.dialects.campr.finding import called_in_post
from coatcheck.web.dialects.campr.metering import Caller, Metered
from coatcheck.web.dialects.campr.paging import paging_of
from coatcheck.web.dialects.campr.shapes import (
    AttachmentShape,
    ManyAttachments,
    OneAttachment,
    PartTaken,
)
from coatcheck.web.dialects.campr.uploading import take
from coatcheck.web.headers.content_disposition import content_disposition
from coatcheck.web.routing import Router

router = Router(tags=["campr: attachments"], route_class=Metered)

_UPLOAD_HEADERS = {
    "Content-Disposition": "`attachment; filename=…`",
    "Content-Range": "`bytes start-end/total`: this is one part of an upload, in any order.",
    "Client-Request-ID": "Names the upload, so that it may be sent in parts, or again.",
}


@router.post(
    "/attachments",
    summary="Upload an attachment, or a part of one",
    openapi_extra=raw_body(_UPLOAD_HEADERS),
    responses=answers(
        {200: {"model": OneAttachment}, 202: {"model": PartTaken}}, 400, 409, 413, 415, 507
    ),
)
async def upload(
    request: Request, caller: Caller, services: Desk, config: Config, body: Body, base: BaseUrl
) -> Response:
    progress = await take(services.uploads, request.headers, caller, body, config)
    if not progress.complete:
        return _part_taken(request)
    return _uploaded(progress, base)


@reads(
    router,
    "/attachments",
    summary="The caller's detached attachments, newest first",
    responses=answers({200: {"model": ManyAttachments}}, 400),
)
async def list_detached(
    request: Request,
    caller: Caller,
    services: Desk,
    limit: str | None = None,
    page: str | None = None,
) -> Response:
    paging = paging_of(request, caller)
    found = await services.listing.detached(caller, paging.window, digest=SHA3_256)
    return paging.answer("attachments", found, _shown, _mark)


@reads(
    router,
    "/attachments/{digest}",
    summary="The bytes of an attachment",
    response_class=Response,
    responses=answers(
        {
            200: bytes_answer("All of it."),
            206: bytes_answer("The range that was asked for."),
            304: {"description": "The caller has it already."},
        },
        404,
        416,
    ),
)
async def download(
    request: Request,
    digest: str,
    caller: Caller,
    services: Desk,
    post: str | None = None,
    version: str | None = None,
) -> Response:
    wanted = _digest(digest)
    called = None
    if post is not None:
        called = await called_in_post(services, caller, post, version, wanted.hex)
    try:
        return await _content(request, services, caller, wanted, called)
    except Gone:  # perhaps it made way for the same bytes, which were uploaded again
        return await _content(request, services, caller, wanted, called)


@router.delete(
    "/attachments/{digest}",
    summary="Delete a detached attachment",
    status_code=204,
    responses=answers({204: {"description": "It is gone."}}, 404),
)
async def delete(digest: str, caller: Caller, services: Desk) -> Response:
    await services.deleting.delete(caller, ByDigest(_digest(digest)), {State.DETACHED})
    return Response(status_code=204)


async def _content(
    request: Request,
    services: Services,
    caller: Principal,
    wanted: Digest,
    called: tuple[str | None, str] | None,
) -> Response:
    """Its name and type are told where it is detached, or a post calls it something; not by a bare digest."""
    content = await services.downloads.open(caller, ByDigest(wanted))
    if called is None and content.attachment.state is State.DETACHED:
        called = content.attachment.name, content.attachment.media_type
    name, media_type = called or (None, None)
    return await content_response(
        request,
        content,
        etag=wanted.hex,
        media_type=media_type,
        disposition=called and content_disposition("attachment", name and download_name(name)),
    )


def _part_taken(request: Request) -> Response:
    """The protocol wants the range that was taken told in full, in a field named Range."""
    return JSONResponse(
        {}, status_code=202, headers={"Range": request.headers["content-range"].strip()}
    )


def _uploaded(progress: Progress, base: str) -> Response:
    shown = _shown(progress.attachment)
    return JSONResponse(
        {"attachment": shown}, headers={"Location": f"{base}/attachments/{shown['digest']}"}
    )


def _shown(attachment: Attachment) -> dict[str, object]:
    expires_at = attachment.expires_at
    return AttachmentShape(
        digest=attachment.digests.get(SHA3_256, ""),
        name=attachment.name,
        content_type=attachment.media_type,
        size=attachment.size,
        created_at=attachment.created_at // 1000,
        expires_at=None if expires_at is None else expires_at // 1000,
    ).model_dump()


def _mark(attachment: Attachment) -> Mark:
    return Mark(attachment.created_at, attachment.id)


def _digest(text: str) -> Digest:
    try:
        return parse_sha3_256(text)
    except Malformed:
        raise NotFound from None
