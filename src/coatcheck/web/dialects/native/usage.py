"""/coatcheck/v1/usage: what the caller uses of what it may."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from coatcheck.web.dependencies import Config, Desk
from coatcheck.web.dialects.native.asking import Caller
from coatcheck.web.dialects.native.documenting import answers
from coatcheck.web.dialects.native.shapes import BytesShape, CountShape, DetachedShape, UsageShape
from coatcheck.web.routing import Router

router = Router(tags=["Coatcheck: usage"])


@router.get(
    "",
    summary="Bytes and counts: used, reserved, limits",
    responses=answers({200: {"model": UsageShape}}),
)
async def usage(caller: Caller, services: Desk, config: Config) -> Response:
    holdings = await services.listing.holdings(caller)
    usage = holdings.usage
    shown = UsageShape(
        bytes=BytesShape(
            used=usage.used,
            reserved=usage.reserved,
            limit=usage.limit_bytes,
            available=usage.available,
        ),
        attachments=CountShape(count=usage.attachments, limit=usage.limit_count),
        detached=DetachedShape(count=holdings.detached_count, bytes=holdings.detached_space),
        max_size=config.max_size,
    )
    return JSONResponse(shown.model_dump())
