"""/api/files: files of the site, in one request each."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from coatcheck.domain.attachment import Attachment
from coatcheck.domain.folder import Filing
from coatcheck.domain.names import TokenPath, parse_folder_field, parse_token
from coatcheck.domain.principal import Principal
from coatcheck.services.bundle import Services
from coatcheck.services.commands import Deposit, Description
from coatcheck.web.dependencies import BaseUrl, Body, Config, Desk
from coatcheck.web.dialects.attachfast.allowed_types import is_allowed
from coatcheck.web.dialects.attachfast.asking import Caller, FileId, page_of
from coatcheck.web.dialects.attachfast.documentation import (
    PAGE,
    PER_PAGE,
    envelope,
    failures,
    form,
    query,
)
from coatcheck.web.dialects.attachfast.envelope import read_envelope, text_of
from coatcheck.web.dialects.attachfast.errors import Findings, refused
from coatcheck.web.dialects.attachfast.forms import UploadForm, open_form
from coatcheck.web.dialects.attachfast.naming import name_upload
from coatcheck.web.dialects.attachfast.shapes import File, FilePage
from coatcheck.web.dialects.attachfast.shown import file_of, pagination_of
from coatcheck.web.routing import Router

router = Router()

_NOWHERE: tuple[tuple[str, ...], str | None] = ((), None)


@router.get(
    "/files",
    summary="Files of the site, newest first",
    responses=failures(401),
    openapi_extra=query(page=PAGE, per_page=PER_PAGE),
)
async def list_files(request: Request, caller: Caller, services: Desk, base: BaseUrl) -> FilePage:
    page, per_page = page_of(request.query_params)
    found = await services.listing.filed(caller, page, per_page)
    folders = await services.folders.of(caller, found.items)
    return FilePage(
        files=[file_of(each, folders, base) for each in found.items],
        pagination=pagination_of(page, per_page, found.total),
    )


@router.post(
    "/files",
    status_code=201,
    summary="Upload a file",
    responses=failures(400, 401, 422, 507),
    openapi_extra=form(
        [],
        folder={
            "type": "string",
            "description": "Folders and the name, without its extension: users/avatars/user_1. "
            "With a slash at the end, folders only.",
        },
    ),
)
async def upload_file(
    request: Request,
    response: Response,
    caller: Caller,
    services: Desk,
    config: Config,
    body: Body,
    base: BaseUrl,
) -> File:
    upload = await open_form(request, body, ("folder",))
    if upload.file is None or "folder" in upload.fields:
        _examine(upload)  # what can be said before the bytes have come

    async def describe(head: bytes) -> Description:
        return _describe(upload, config.allowed_types, head)

    attachment = await services.uploads.deposit(
        Deposit(
            caller=caller,
            dialect="attachfast",
            body=upload.sent.data,
            describe=describe,
            max_size=config.max_size,
            lifetime=None,
        )
    )
    response.headers["Location"] = f"/api/files/{attachment.id}"
    return await _shown(services, caller, attachment, base)


@router.get("/files/{id}", summary="One file", responses=failures(401, 404))
async def show_file(caller: Caller, services: Desk, id: FileId, base: BaseUrl) -> File:
    return await _shown(services, caller, await services.tree.linked(caller, id), base)


@router.patch(
    "/files/{id}",
    summary="Rename or move a file",
    responses=failures(400, 401, 404, 422),
    openapi_extra=envelope(
        "site_file",
        ["token"],
        token={
            "type": "string",
            "description": "The new name with its folders. Without folders the file stays in its "
            "folder; a slash at the start is the root.",
        },
    ),
)
async def change_file(
    caller: Caller, services: Desk, id: FileId, body: Body, base: BaseUrl
) -> File:
    token = _parse_token(await read_envelope(body, "site_file"))
    return await _shown(services, caller, await services.tree.refile(caller, id, token), base)


@router.delete(
    "/files/{id}", status_code=204, summary="Delete a file", responses=failures(401, 404)
)
async def delete_file(caller: Caller, services: Desk, id: FileId) -> Response:
    await services.tree.withdraw(caller, id)
    return Response(status_code=204)


async def _shown(services: Services, caller: Principal, attachment: Attachment, base: str) -> File:
    return file_of(attachment, await services.folders.of(caller, [attachment]), base)


def _examine(upload: UploadForm) -> None:
    findings = Findings()
    if upload.file is None:
        findings.note("File is required")
    findings.attempt(lambda: parse_folder_field(upload.fields.get("folder")), _NOWHERE)
    findings.settle()


def _describe(upload: UploadForm, allowed_types: tuple[str, ...], head: bytes) -> Description:
    """With everything that came, `head` being the first bytes of the file."""
    findings = Findings()
    dirs, base = findings.attempt(lambda: parse_folder_field(upload.fields.get("folder")), _NOWHERE)
    filing, media_type = findings.attempt(
        lambda: name_upload(dirs, base, upload.sent.filename or "", upload.sent.content_type, head),
        (Filing(folders=(), base=""), ""),
    )
    if not is_allowed(allowed_types, media_type, filing.base, head):
        findings.note("File type not allowed")
    findings.settle()
    return Description(name=filing.base, media_type=media_type, filing=filing)


def _parse_token(site_file: dict[str, object]) -> TokenPath:
    text = text_of(site_file.get("token"))
    if text is None:
        raise refused("Token is invalid")
    return parse_token(text)
