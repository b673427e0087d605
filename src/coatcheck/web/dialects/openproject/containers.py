"""/api/v3/{kind}/{id}/attachments: what a container holds, and uploads straight into it."""

from __future__ import annotations

from contextlib import suppress

from starlette.requests import Request
from starlette.responses import Response

from coatcheck.domain.claim import ById, Claim
from coatcheck.domain.errors import NotFound
from coatcheck.domain.principal import Principal
from coatcheck.services.bundle import Services
from coatcheck.web.dependencies import Config, Desk
from coatcheck.web.dialects.openproject.asking import FORM, Caller, expect
from coatcheck.web.dialects.openproject.attachments import CREATED
from coatcheck.web.dialects.openproject.direct_uploads import prepare, take_in
from coatcheck.web.dialects.openproject.documentation import failures, metadata_alone, two_parts
from coatcheck.web.dialects.openproject.hal import ROOT, HalResponse
from coatcheck.web.dialects.openproject.kinds import ELSEWHERE, WORK_PACKAGE, Kind
from coatcheck.web.dialects.openproject.shapes import (
    Attachment,
    AttachmentCollection,
    AttachmentUpload,
)
from coatcheck.web.dialects.openproject.shown import attachment_href, collection, shown_one
from coatcheck.web.dialects.openproject.uploading import upload
from coatcheck.web.dialects.openproject.work_packages import find
from coatcheck.web.ids import RecordId
from coatcheck.web.routing import Router


def attachments_of(kind: Kind) -> Router:
    """The routes of one kind of container."""
    router = Router(response_class=HalResponse)
    named = kind.title.lower()
    here = kind is WORK_PACKAGE

    @router.get("", summary=f"Attachments of a {named}", responses=failures(401, 404))
    async def index(caller: Caller, services: Desk, id: RecordId) -> AttachmentCollection:
        claims = await _held(services, caller, kind, id)
        href = f"{ROOT}/{kind.path}/{id}/attachments"
        return await collection(services, caller, [each.attachment for each in claims], href)

    @router.post(
        "",
        summary=f"Add an attachment to a {named}",
        responses={**CREATED, **failures(400, 401, 404, 415, 422)},
        openapi_extra=two_parts(),
    )
    async def add(
        request: Request,
        response: Response,
        caller: Caller,
        services: Desk,
        config: Config,
        id: RecordId,
    ) -> Attachment:
        if here:
            await find(services, caller, id)
        attachment = await upload(
            request, caller, services, config, into=kind.ref(id), elsewhere=not here
        )
        response.status_code = config.openproject_created_status
        response.headers["Location"] = attachment_href(attachment.id)
        return await shown_one(services, caller, attachment)

    @router.post(
        "/prepare",
        status_code=201,
        summary=f"Prepare a direct upload to a {named}",
        description="Where the store takes files itself; elsewhere 422, as by any instance that keeps files itself.",
        responses=failures(400, 401, 404, 415, 422),
        openapi_extra=metadata_alone(),
    )
    async def prepare_upload(
        request: Request, caller: Caller, services: Desk, config: Config, id: RecordId
    ) -> AttachmentUpload:
        expect(request, FORM)
        if here:
            await find(services, caller, id)
        return await prepare(request, caller, services, config, (kind, id))

    @router.get(
        "/{attachment_id}/uploaded",
        summary=f"An attachment of a {named}, whose upload is whole",
        description="What a direct upload has left in the store is taken in by this, and held.",
        responses=failures(401, 404, 422),
    )
    async def uploaded(
        caller: Caller, services: Desk, config: Config, id: RecordId, attachment_id: RecordId
    ) -> Attachment:
        if here:
            await find(services, caller, id)
        await take_in(caller, services, config, attachment_id, kind.ref(id))
        found = await services.downloads.find(caller, ById(attachment_id))
        return await shown_one(services, caller, found)

    return router


async def _held(services: Services, caller: Principal, kind: Kind, id: int) -> list[Claim]:
    """Raises NotFound for what would be kept here and is not."""
    if kind is WORK_PACKAGE:
        return await services.containers.held_by(await find(services, caller, id))
    with suppress(NotFound):
        return await services.claims.held(caller, kind.ref(id))
    return []


#: Each with the path that it lies under.
ROUTERS = [
    (f"/{kind.path}/{{id}}/attachments", attachments_of(kind))
    for kind in (WORK_PACKAGE, *ELSEWHERE)
]
