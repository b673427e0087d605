"""/f/{capability}/{filename}: a file's bytes, for whoever was given the link. No key is asked for."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import Response

from coatcheck.domain.errors import NotFound
from coatcheck.web.content import file_response
from coatcheck.web.dependencies import Desk
from coatcheck.web.dialects.attachfast.documentation import failures, query
from coatcheck.web.dialects.attachfast.shown import NAMELESS
from coatcheck.web.routing import Router

router = Router()

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
        302: {"description": "The store itself has it, under a link that expires"},
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
    saved = request.query_params.get("download", "0") != "0"
    return await file_response(request, content, nameless=NAMELESS, saved=saved, redirect=True)
