"""/api/v3/attachments/{id}/content: the bytes, sent so that no browser runs them."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from coatcheck.domain.claim import ById
from coatcheck.domain.media_type import OCTET_STREAM, bare, safe_inline
from coatcheck.web.content import file_response
from coatcheck.web.dependencies import Desk
from coatcheck.web.dialects.openproject.asking import Caller
from coatcheck.web.dialects.openproject.documentation import failures_of_bytes
from coatcheck.web.dialects.openproject.hal import HalResponse
from coatcheck.web.dialects.openproject.shown import NAMELESS
from coatcheck.web.headers.http_date import http_date
from coatcheck.web.ids import RecordId
from coatcheck.web.routing import Router

router = Router(response_class=HalResponse)

#: Seconds for which a client may go on showing what it has: the bytes of an attachment never change.
_FRESH = 604_799

#: Pictures and films that browsers do not show, and programs ask for by their types.
_HARMLESS = frozenset(
    "image/tiff image/apng video/x-msvideo video/mpeg video/x-ms-wmv video/x-matroska".split()
)

_BINARY = {OCTET_STREAM: {"schema": {"type": "string", "format": "binary"}}}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "All of it", "content": _BINARY},
    206: {"description": "The range that was asked for", "content": _BINARY},
    304: {"description": "The client has it already"},
    416: {"description": "The range lies outside the content"},
    **failures_of_bytes(401, 404),
}


@router.get(
    "/{id}/content",
    summary="The bytes of an attachment",
    description="Text is sent as text/plain, images, sound and films as what they are, all else as "
    "application/octet-stream. Ranges and conditional requests are answered.",
    response_class=Response,
    responses=_ANSWERS,
)
@router.get(
    "/{id}/download",
    summary="The bytes of an attachment, by its other name",
    response_class=Response,
    responses=_ANSWERS,
)
async def content(request: Request, caller: Caller, services: Desk, id: RecordId) -> Response:
    opened = await services.downloads.open(caller, ById(id))
    response = await file_response(
        request, opened, nameless=NAMELESS, sent_type=_sent_type(opened.attachment.media_type)
    )
    response.headers["Cache-Control"] = f"private, max-age={_FRESH}"
    response.headers["Expires"] = http_date(services.clock.now() + _FRESH * 1000)
    response.headers["Vary"] = "Authorization"
    return response


def _sent_type(media_type: str) -> str:
    if bare(media_type).startswith("text/"):
        charset = media_type.partition("charset=")[2] or "utf-8"
        return f"text/plain; charset={charset}"
    return media_type if safe_inline(media_type) or bare(media_type) in _HARMLESS else OCTET_STREAM
