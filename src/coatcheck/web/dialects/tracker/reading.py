"""An attachment's bytes, and its thumbnail, as answers."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from coatcheck.domain.claim import ById
from coatcheck.domain.principal import Principal
from coatcheck.services.bundle import Services
from coatcheck.web.content import GUARDS, file_response
from coatcheck.web.dialects.tracker.showing import NAMELESS


async def bytes_of(request: Request, services: Services, caller: Principal, id: int) -> Response:
    """The name at the end of the path means nothing. Raises NotFound, RangeNotSatisfiable, Corrupt."""
    content = await services.downloads.open(caller, ById(id))
    return await file_response(request, content, nameless=NAMELESS, redirect=True)


async def thumbnail_of(services: Services, caller: Principal, id: int) -> Response:
    """Raises NotFound, also for what is no image; Unavailable, Corrupt."""
    made = await services.thumbnails.get(caller, ById(id))
    return Response(made.content, headers=GUARDS, media_type=made.media_type)
