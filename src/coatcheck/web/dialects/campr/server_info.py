"""What the server lets the caller do, and how much of it is used (Campr, «Server info»)."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coatcheck.domain.rate import Standing
from coatcheck.services.listing import Holdings
from coatcheck.web.config import WireConfig
from coatcheck.web.dependencies import Config, Desk
from coatcheck.web.dialects.campr.documenting import answers, reads
from coatcheck.web.dialects.campr.finding import KIND
from coatcheck.web.dialects.campr.metering import Caller, Metered, standings
from coatcheck.web.dialects.campr.paging import DEFAULT_LIMIT, MAX_LIMIT
from coatcheck.web.dialects.campr.shapes import (
    EndpointShape,
    ServerInfo,
    SpaceShape,
    TypeShape,
)
from coatcheck.web.routing import Router

router = Router(tags=["campr: server info"], route_class=Metered)

_PAGES = {"list_limit_default": DEFAULT_LIMIT, "list_limit_maximum": MAX_LIMIT}
_LISTS = ("attachments", "posts", "post_versions")


@reads(
    router,
    "/server_info",
    name="server_info_alias",
    summary="The same under the other name that the protocol gives it",
    responses=answers({200: {"model": ServerInfo}}),
)
@reads(
    router,
    "/server-info",
    summary="Limits, quotas, and what the caller uses of them",
    responses=answers({200: {"model": ServerInfo}}),
)
async def server_info(request: Request, caller: Caller, services: Desk, config: Config) -> Response:
    holdings = await services.listing.holdings(caller)
    tallies = await services.containers.tally_by(caller, KIND, "type")
    usage = holdings.usage
    space = {"space_used": usage.used + usage.reserved, "space_available": usage.available}
    info = ServerInfo(
        **{"global": SpaceShape(**space)},
        types={
            type: TypeShape(
                count=tally.count, space_used=tally.space, space_available=usage.available
            )
            for type, tally in tallies.items()
        },
        endpoints=_endpoints(await standings(request, caller), holdings, config),
    )
    return JSONResponse(info.model_dump(by_alias=True, exclude_unset=True))


def _endpoints(
    found: dict[tuple[str, str], Standing], holdings: Holdings, config: WireConfig
) -> dict[str, dict[str, EndpointShape]]:
    told: dict[str, dict[str, EndpointShape]] = {}
    for (endpoint, method), standing in found.items():
        figures: dict[str, Any] = {
            "rate_limit_limit": standing.limit,
            "rate_limit_remaining": standing.remaining,
            "rate_limit_reset": standing.reset,
        }
        if method == "GET" and endpoint in _LISTS:
            figures |= _PAGES
        if (endpoint, method) == ("attachments", "POST"):
            figures |= _uploads(holdings, config)
        told.setdefault(endpoint, {})[method] = EndpointShape(**figures)
    return told


def _uploads(holdings: Holdings, config: WireConfig) -> dict[str, int | None]:
    usage = holdings.usage
    free = None if usage.limit_count is None else max(0, usage.limit_count - usage.attachments)
    return {
        "size_maximum": config.max_size,
        "detached_count": holdings.detached_count,
        "detached_count_limit": None if free is None else holdings.detached_count + free,
        "detached_space_used": holdings.detached_space,
        "detached_space_available": usage.available,
        "detached_ttl": config.detached_ttl // 1000,
    }
