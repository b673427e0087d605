"""Attachments: upload, list, show, rename, delete."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coatcheck.domain.claim import ByPublicId
from coatcheck.domain.lifecycle import State
from coatcheck.domain.names import clean_filename
from coatcheck.domain.pages import Mark
from coatcheck.domain.selection import Selection
from coatcheck.services.commands import ChangeDetails
from coatcheck.web.dependencies import BaseUrl, Body, Config, Desk
from coatcheck.web.dialects.chat.asking import Caller, OfAttachment, wanted_conversation, window_of
from coatcheck.web.dialects.chat.documenting import failures, fields, file_form, pages_within
from coatcheck.web.dialects.chat.naming import object_id
from coatcheck.web.dialects.chat.reading import read_fields
from coatcheck.web.dialects.chat.shapes import Attachment, Attachments
from coatcheck.web.dialects.chat.showing import View
from coatcheck.web.dialects.chat.uploading import take_file
from coatcheck.web.routing import Router

router = Router()


@router.get(
    "",
    summary="The attachments that the caller may see, newest first",
    responses=failures(400),
    openapi_extra=pages_within(),
)
async def list_attachments(
    request: Request, caller: Caller, services: Desk, base: BaseUrl
) -> Attachments:
    async def mark_of(id: str) -> Mark:
        found = await services.downloads.find(caller, ByPublicId(object_id(id)))
        return Mark(found.created_at, found.id)

    window = await window_of(request, mark_of)
    selection = Selection(within=wanted_conversation(request))
    page = await services.listing.visible(caller, selection, window)
    view = await View.of(services, caller, base, page.items)
    return Attachments(
        has_more=page.newer if window.before else page.older,
        data=[view.attachment(each) for each in page.items],
    )


@router.post(
    "",
    summary="Upload a file",
    status_code=201,
    response_model=Attachment,
    responses=failures(400, 413, 507),
    openapi_extra=file_form(),
)
async def upload(
    request: Request, caller: Caller, services: Desk, config: Config, body: Body, base: BaseUrl
) -> Response:
    attachment = await take_file(request, services, caller, body, config)
    shown = (await View.of(services, caller, base, [attachment])).attachment(attachment)
    return JSONResponse(
        shown.model_dump(),
        status_code=201,
        headers={"Location": f"{base}/v1/attachments/{shown.id}"},
    )


@router.get("/{id}", summary="One attachment", responses=failures(404))
async def show(caller: Caller, wanted: OfAttachment, services: Desk, base: BaseUrl) -> Attachment:
    attachment = await services.downloads.find(caller, wanted)
    return (await View.of(services, caller, base, [attachment])).attachment(attachment)


@router.put(
    "/{id}",
    summary="Rename an attachment",
    responses=failures(400, 404),
    openapi_extra=fields(filename={"type": "string", "maxLength": 255}),
)
async def rename(
    caller: Caller,
    wanted: OfAttachment,
    request: Request,
    services: Desk,
    body: Body,
    base: BaseUrl,
) -> Attachment:
    filename = (await read_fields(request, body)).text("filename")
    attachment = await services.details.change(
        ChangeDetails(
            caller=caller,
            reference=wanted,
            name=None if filename is None else clean_filename(filename),
        )
    )
    return (await View.of(services, caller, base, [attachment])).attachment(attachment)


@router.delete("/{id}", summary="Delete a file for good", status_code=204, responses=failures(404))
async def delete(caller: Caller, wanted: OfAttachment, services: Desk) -> Response:
    states = {State.DETACHED, State.CLAIMED}
    await services.deleting.delete(caller, wanted, states, own=True)
    return Response(status_code=204)
