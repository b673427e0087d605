"""/f/{capability}/{filename}: a file's bytes, for whoever was given the link. No key is asked for."""

from __future__ import annotations

import re

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from coatcheck.domain.digest import SHA256
from coatcheck.domain.errors import NotFound
from coatcheck.domain.media_type import bare, safe_inline
from coatcheck.domain.names import download_name
from coatcheck.web.content import content_response
from coatcheck.web.dependencies import Desk
from coatcheck.web.dialects.attachfast.documentation import failures, query
from coatcheck.web.dialects.attachfast.shown import NAMELESS
from coatcheck.web.headers.content_disposition import content_disposition

router = APIRouter()

_CAPABILITY = re.compile(r"[A-Za-z0-9_-]{22}")
_BINARY = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


@router.get(
    "/{capability}/{filename}",
    summary="The bytes of a file, by its link",
    description="Shown in place where its type is safe to show, else for saving. "
    "Ranges and conditional requests are answered. The name at the end means nothing.",
    response_class=Response,
    responses={
        200: {"description": "The whole file", "content": _BINARY},
        206: {"description": "The range that was asked for", "content": _BINARY},
        304: {"description": "The client has it already"},
        416: {"description": "The range lies outside the file"},
        **failures(404),
    },
    openapi_extra=query(
        download=("1: for saving, whatever its type.", {"type": "integer", "enum": [0, 1]})
    ),
)
async def download(capability: str, filename: str, request: Request, services: Desk) -> Response:
    if _CAPABILITY.fullmatch(capability) is None:
        raise NotFound
    content = await services.downloads.open_by_capability(capability)
    attachment = content.attachment
    saved = request.query_params.get("download", "0") != "0"
    shown = safe_inline(attachment.media_type) and not saved
    return await content_response(
        request,
        content,
        etag=attachment.digests.get(SHA256, attachment.public_id),
        media_type=_sent_type(attachment.media_type),
        disposition=content_disposition(
            "inline" if shown else "attachment", download_name(attachment.name or NAMELESS)
        ),
    )


def _sent_type(media_type: str) -> str:
    """Text without a charset is UTF-8: no browser is left to guess."""
    if media_type == bare(media_type) == "text/plain":
        return "text/plain; charset=utf-8"
    return media_type
