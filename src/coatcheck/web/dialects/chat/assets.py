"""/assets/attachments/{id}/{filename}: a file's bytes, for whoever was given the link. The id cannot be guessed."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from coatcheck.domain.digest import SHA256
from coatcheck.domain.media_type import bare, safe_inline
from coatcheck.domain.names import download_name
from coatcheck.web.content import content_response
from coatcheck.web.dependencies import Desk
from coatcheck.web.dialects.chat.asking import OfAttachment
from coatcheck.web.dialects.chat.naming import NAMELESS
from coatcheck.web.dialects.chat.shapes import Error
from coatcheck.web.headers.content_disposition import content_disposition

router = APIRouter()

_BINARY = {"*/*": {"schema": {"type": "string", "format": "binary"}}}


@router.get(
    "/{id}/{filename}",
    summary="The bytes of a file, by its link",
    response_class=Response,
    responses={
        200: {"description": "The whole file", "content": _BINARY},
        206: {"description": "The range that was asked for", "content": _BINARY},
        304: {"description": "The client has it already"},
        404: {"model": Error},
        412: {"description": "It is not what If-Match or If-Unmodified-Since expect"},
        416: {"model": Error},
    },
)
async def download(
    wanted: OfAttachment, filename: str, request: Request, services: Desk
) -> Response:
    content = await services.downloads.open_by_public_id(wanted.public_id)
    attachment = content.attachment
    media_type = attachment.media_type
    if media_type == bare(media_type) == "text/plain":
        media_type = "text/plain; charset=utf-8"  # no browser is left to guess
    return await content_response(
        request,
        content,
        etag=attachment.digests.get(SHA256, attachment.public_id),
        media_type=media_type,
        disposition=content_disposition(
            "inline" if safe_inline(media_type) else "attachment",
            download_name(attachment.name or NAMELESS),
        ),
    )
