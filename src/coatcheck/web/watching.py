"""What Prometheus reads, and who else may: the machine itself, and whoever has the token."""

from __future__ import annotations

import secrets
from ipaddress import ip_address

from starlette.requests import Request
from starlette.responses import Response

from coatcheck.domain.errors import BadCredentials, Forbidden, NotFound
from coatcheck.web.config import WireConfig
from coatcheck.web.dependencies import Config, Desk
from coatcheck.web.routing import Router

router = Router(tags=["operation"])

#: A request with one of these came through a proxy, from wherever.
_FORWARDED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")


@router.get(
    "/-/metrics",
    summary="Numbers for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}},
)
async def metrics(request: Request, services: Desk, config: Config) -> Response:
    if services.meter is None:
        raise NotFound
    _admit(request, config)
    content, media_type = await services.meter.exposed(request.headers.get("accept", ""))
    return Response(content, headers={"Content-Type": media_type, "Cache-Control": "no-store"})


def _admit(request: Request, config: WireConfig) -> None:
    """Raises BadCredentials, Forbidden."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if config.metrics_token and scheme.lower() == "bearer":
        if secrets.compare_digest(token.strip().encode(), config.metrics_token.encode()):
            return
        raise BadCredentials
    if config.metrics != "local" or not _is_local(request):
        raise Forbidden


def _is_local(request: Request) -> bool:
    """From this machine, under a name of this machine, and not for somebody else."""
    peer = request.client
    return (
        peer is not None
        and _is_loopback(peer.host)
        and _is_loopback(request.url.hostname or "")
        and not any(name in request.headers for name in _FORWARDED)
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
