"""/assets/attachments/{id}/{filename}: a file's bytes, for whoever was given the link. The id cannot be guessed."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from coatcheck.web.content import file_response
from coatcheck.web.dependencies import Desk
from coatcheck.web.dialects.chat.asking import OfAttachment
from coatcheck.web.dialects.chat.documenting import OTHERWISE
from coatcheck.web.dialects.chat.naming import NAMELESS
from coatcheck.web.dialects.chat.shapes import Error
from coatcheck.web.routing import Router

router = Router()

_BINARY = {"*/*": {"schema": {"type": "string", "format": "binary"}}}


@router.get(
    "/{id}/{filename}",
    summary="The bytes of a file, by its link",
    response_class=Response,
    responses={
        200: {"description": "The whole file", "content": _BINARY},
        206: {"description": "The range that was asked for", "content": _BINARY},
        302: {"description": "The store itself has it, under a link that expires"},
        304: {"description": "The client has it already"},
        404: {"model": Error},
        412: {"description": "It is not what If-Match or If-Unmodified-Since expect"},
        416: {"model": Error},
        "default": OTHERWISE,
    },
)
async def download(
    wanted: OfAttachment, filename: str, request: Request, services: Desk
) -> Response:
    content = await services.downloads.open_by_public_id(wanted.public_id)
    return await file_response(request, content, nameless=NAMELESS, redirect=True)
