"""/coatcheck/v1/uploads: begun first, then sent in parts, past this server where its store takes them itself."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Depends, Path
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coatcheck.domain.claim import ByPublicId
from coatcheck.domain.errors import NotFound
from coatcheck.domain.principal import Principal
from coatcheck.services.bundle import Services
from coatcheck.services.direct_uploads import Begun
from coatcheck.web.dependencies import BaseUrl, Body, Config, Desk
from coatcheck.web.dialects.native.announcing import begin
from coatcheck.web.dialects.native.asking import Caller, flag_of, idempotency_key, read_value
from coatcheck.web.dialects.native.documenting import (
    IDEMPOTENCY_KEY,
    Responses,
    answers,
    in_header,
    in_query,
    json_body,
    raw_body,
)
from coatcheck.web.dialects.native.drafts import request_of
from coatcheck.web.dialects.native.shapes import AnnouncementShape, AttachmentShape, UploadShape
from coatcheck.web.dialects.native.showing import address, shown_one
from coatcheck.web.dialects.native.upload_progress import shown_upload, upload_address
from coatcheck.web.dialects.native.uploading import receive_part
from coatcheck.web.routing import Router

router = Router(tags=["Coatcheck: uploads in parts"])

_PUBLIC_ID = re.compile(r"[A-Za-z0-9]{16}")
_NUMBER = re.compile(r"[1-9][0-9]{0,6}")

_URLS = {
    "urls": "`true`: where to send the parts that are not there yet, the first hundred of them."
}
_DIGESTS = {"Content-Digest": "`sha-256=:…:` (RFC 9530) is verified."}
_SHOWN: Responses = {200: {"model": UploadShape}}


async def _named(
    id: Annotated[str, Path(description="As POST /uploads has answered.")],
) -> ByPublicId:
    if _PUBLIC_ID.fullmatch(id) is None:
        raise NotFound
    return ByPublicId(id)


Named = Annotated[ByPublicId, Depends(_named)]


@router.post(
    "",
    status_code=201,
    summary="Begin an upload in parts",
    description="Its place is kept, and its quota; the answer tells where each part goes.",
    openapi_extra=json_body(AnnouncementShape, **in_header(IDEMPOTENCY_KEY)),
    responses=answers({201: {"model": UploadShape}}, 400, 409, 413, 415, 422, 507),
)
async def begin_upload(
    request: Request, caller: Caller, services: Desk, config: Config, body: Body, base: BaseUrl
) -> Response:
    key = idempotency_key(request.headers)
    value = await read_value(request.headers, body)
    again = request_of("POST", request.url.path, key, value, endpoint="native uploads")
    public_id = await services.direct_uploads.begin(begin(value, caller, config, again))
    begun = await _found(services, caller, ByPublicId(public_id))
    shown = await shown_upload(services, caller, base, begun, urls=True)
    return JSONResponse(
        shown.model_dump(), 201, headers={"Location": upload_address(base, begun.upload)}
    )


@router.get(
    "/{id}",
    summary="How far an upload is",
    openapi_extra=in_query(_URLS),
    responses=answers(_SHOWN, 400, 404),
)
async def show(
    request: Request, caller: Caller, id: Named, services: Desk, base: BaseUrl
) -> Response:
    urls = flag_of(request, "urls")
    begun = await _found(services, caller, id)
    shown = await shown_upload(services, caller, base, begun, urls=urls)
    return JSONResponse(shown.model_dump())


@router.put(
    "/{id}/parts/{number}",
    status_code=204,
    summary="Send a part to this server",
    description="Where `put.url` says so; it is taken from everybody else as well.",
    openapi_extra=raw_body(_DIGESTS),
    responses=answers({204: {"description": "It is there."}}, 400, 404, 409, 415),
)
async def put(
    request: Request,
    caller: Caller,
    id: Named,
    number: str,
    services: Desk,
    config: Config,
    body: Body,
) -> Response:
    if _NUMBER.fullmatch(number) is None:
        raise NotFound
    begun = await services.direct_uploads.look(caller, "native", id)
    part = receive_part(begun.upload, int(number), request.headers, caller, body, config)
    await services.uploads.receive(part)
    return Response(status_code=204)


@router.post(
    "/{id}/complete",
    summary="Make an attachment of the parts",
    description="What was announced is verified first. Asked for again, it is answered the same.",
    responses=answers({200: {"model": AttachmentShape}}, 400, 404),
)
async def complete(
    caller: Caller, id: Named, services: Desk, config: Config, base: BaseUrl
) -> Response:
    made = await services.direct_uploads.complete(caller, "native", id, config.detached_ttl)
    shown = await shown_one(services, caller, base, made)
    return JSONResponse(shown, headers={"Location": address(base, made)})


@router.delete(
    "/{id}",
    status_code=204,
    summary="Abandon an upload",
    responses=answers({204: {"description": "It is gone, with its parts."}}, 404, 409),
)
async def abandon(caller: Caller, id: Named, services: Desk) -> Response:
    await services.direct_uploads.abandon(caller, "native", id)
    return Response(status_code=204)


async def _found(services: Services, caller: Principal, id: ByPublicId) -> Begun:
    return await services.direct_uploads.find(caller, "native", id)
