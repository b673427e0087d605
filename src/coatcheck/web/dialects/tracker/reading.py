"""An attachment's bytes, and its thumbnail, as answers."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from coatcheck.domain.claim import ById
from coatcheck.domain.digest import SHA256
from coatcheck.domain.media_type import bare, safe_inline
from coatcheck.domain.names import download_name
from coatcheck.domain.principal import Principal
from coatcheck.services.bundle import Services
from coatcheck.web.content import GUARDS, content_response
from coatcheck.web.dialects.tracker.showing import NAMELESS
from coatcheck.web.headers.content_disposition import content_disposition


async def bytes_of(request: Request, services: Services, caller: Principal, id: int) -> Response:
    """The name at the end of the path means nothing. Raises NotFound, RangeNotSatisfiable, Corrupt."""
    content = await services.downloads.open(caller, ById(id))
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


async def thumbnail_of(services: Services, caller: Principal, id: int) -> Response:
    """Raises NotFound, also for what is no image; Unavailable, Corrupt."""
    made = await services.thumbnails.get(caller, ById(id))
    return Response(made.content, headers=GUARDS, media_type=made.media_type)
