"""Temporary files: uploaded first, attached to an issue, a comment or a project later, or thrown away."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from coatcheck.domain.claim import ById
from coatcheck.domain.lifecycle import State
from coatcheck.domain.pages import Window
from coatcheck.web.dependencies import Body, Config, Desk
from coatcheck.web.dialects.tracker.asking import Addresses, Caller
from coatcheck.web.dialects.tracker.documenting import (
    answers,
    bytes_answers,
    file_body,
    list_of,
    picture_answers,
)
from coatcheck.web.dialects.tracker.finding import attachment_id
from coatcheck.web.dialects.tracker.reading import bytes_of, thumbnail_of
from coatcheck.web.dialects.tracker.shapes import Attachment
from coatcheck.web.dialects.tracker.showing import View, answer
from coatcheck.web.dialects.tracker.uploading import take_file
from coatcheck.web.empty_retries import Attempted
from coatcheck.web.routing import Router

router = Router()

#: Nobody has more of them at a time; the newest are shown.
_LISTED = 1000


@router.post(
    "/attachments",
    summary="Upload a temporary file",
    status_code=201,
    responses=answers(201, Attachment, 400, 413, 422),
    openapi_extra=file_body(),
)
async def upload(
    attempt: Attempted,
    request: Request,
    caller: Caller,
    services: Desk,
    config: Config,
    body: Body,
    links: Addresses,
    filename: str | None = None,
) -> Response:
    attachment = await take_file(request, services.uploads, caller, body, config, attempt)
    shown = (await View.of(services, caller, links, [attachment])).attachment(attachment)
    return answer(shown, 201, location=shown.self)


@router.get(
    "/attachments",
    summary="The caller's temporary files, newest first",
    responses=answers(200, list_of(Attachment)),
)
async def list_temporary(caller: Caller, services: Desk, links: Addresses) -> Response:
    found = (await services.listing.detached(caller, Window(limit=_LISTED))).items
    view = await View.of(services, caller, links, found)
    return answer([view.attachment(each) for each in found])


@router.get(
    "/attachments/{id}",
    summary="One file: temporary, or attached to anything in the organization",
    responses=answers(200, Attachment, 404),
)
async def show(id: str, caller: Caller, services: Desk, links: Addresses) -> Response:
    attachment = await services.downloads.find(caller, ById(attachment_id(id)))
    return answer((await View.of(services, caller, links, [attachment])).attachment(attachment))


@router.get(
    "/attachments/{id}/{name}",
    summary="The bytes of a file",
    response_class=Response,
    responses=bytes_answers(),
)
async def download(
    id: str, name: str, request: Request, caller: Caller, services: Desk
) -> Response:
    return await bytes_of(request, services, caller, attachment_id(id))


@router.get(
    "/thumbnails/{id}",
    summary="A small picture of an image",
    response_class=Response,
    responses=picture_answers(),
)
async def thumbnail(id: str, caller: Caller, services: Desk) -> Response:
    return await thumbnail_of(services, caller, attachment_id(id))


@router.delete(
    "/attachments/{id}",
    summary="Delete a temporary file; one that is attached is deleted where it is attached",
    status_code=204,
    responses=answers(204, None, 404),
)
async def delete(id: str, caller: Caller, services: Desk) -> Response:
    await services.deleting.delete(caller, ById(attachment_id(id)), {State.DETACHED})
    return Response(status_code=204)
