"""/api/v3/attachments: uploads that no container has claimed yet, and every attachment by its id."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from coatcheck.domain.claim import ById
from coatcheck.domain.errors import NotFound
from coatcheck.domain.lifecycle import State
from coatcheck.web.dependencies import Config, Desk
from coatcheck.web.dialects.openproject.asking import Caller
from coatcheck.web.dialects.openproject.direct_uploads import prepare, take_in
from coatcheck.web.dialects.openproject.documentation import failures, metadata_alone, two_parts
from coatcheck.web.dialects.openproject.hal import HalResponse
from coatcheck.web.dialects.openproject.kinds import OPEN
from coatcheck.web.dialects.openproject.shapes import Attachment, AttachmentUpload
from coatcheck.web.dialects.openproject.shown import attachment_href, shown_one
from coatcheck.web.dialects.openproject.uploading import upload
from coatcheck.web.ids import RecordId
from coatcheck.web.routing import Router

router = Router(response_class=HalResponse)

#: The specification says 200, its servers answer 201: a setting decides.
CREATED: dict[int | str, dict[str, Any]] = {
    201: {"model": Attachment, "description": "Created, where the installation says so with 201"}
}


@router.post(
    "",
    summary="Leave an attachment without a container",
    description="It is kept for three hours, for its author alone, until a container claims it.",
    responses={**CREATED, **failures(400, 401, 415, 422)},
    openapi_extra=two_parts(),
)
async def create(
    request: Request, response: Response, caller: Caller, services: Desk, config: Config
) -> Attachment:
    attachment = await upload(request, caller, services, config)
    response.status_code = config.openproject_created_status
    response.headers["Location"] = attachment_href(attachment.id)
    return await shown_one(services, caller, attachment)


@router.post(
    "/prepare",
    summary="Prepare a direct upload",
    description="Where the store takes files itself: a form for one. Elsewhere 422, as by any instance that keeps "
    "files itself; clients then upload in one request.",
    status_code=201,
    responses=failures(400, 401, 415, 422),
    openapi_extra=metadata_alone(),
)
async def prepare_upload(
    request: Request, caller: Caller, services: Desk, config: Config
) -> AttachmentUpload:
    return await prepare(request, caller, services, config)


@router.get(
    "/{id}/uploaded",
    summary="An attachment whose upload is whole",
    description="What a direct upload has left in the store is taken in by this.",
    responses=failures(401, 404, 422),
)
async def uploaded(caller: Caller, services: Desk, config: Config, id: RecordId) -> Attachment:
    await take_in(caller, services, config, id)
    return await show(caller, services, id)


@router.get("/{id}", summary="An attachment", responses=failures(401, 404))
async def show(caller: Caller, services: Desk, id: RecordId) -> Attachment:
    return await shown_one(services, caller, await services.downloads.find(caller, ById(id)))


@router.delete(
    "/{id}",
    status_code=204,
    summary="Delete an attachment",
    responses=failures(401, 403, 404),
)
async def delete(caller: Caller, services: Desk, id: RecordId) -> Response:
    states = (State.DETACHED, State.CLAIMED)
    try:
        await services.deleting.delete(caller, ById(id), states, held_by=OPEN)
    except NotFound:
        await services.direct_uploads.abandon(caller, "openproject", ById(id))
    return Response(status_code=204)
