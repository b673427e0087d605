"""Request limits, and the caller they count for (Campr, «Rate limiting»).

Every answer tells where its caller stands: `Rate-Limit-Limit`, `Rate-Limit-Remaining`, and `Rate-Limit-Reset` in
seconds. A caller is a principal; who has no key that works is known by address, so that guessing is limited too.
Counts are kept in the process: with several workers a caller may get up to as many times its limit. Where the
installation does not enforce limits, the figures are told all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from coatcheck.domain.errors import RateLimited, Unauthenticated
from coatcheck.domain.principal import Principal
from coatcheck.web.auth import authenticate
from coatcheck.web.dependencies import config_of, services_of
from coatcheck.web.limits import RateLimiter, Standing
from coatcheck.web.routing import Route

#: Seconds.
WINDOW = 300

#: Requests in a window, by endpoint and family of methods. HEAD counts as GET.
LIMITS = {
    ("attachments", "GET"): 100,
    ("attachments", "POST"): 600,  # an upload in parts spends one on each
    ("attachment", "GET"): 300,
    ("attachment", "DELETE"): 300,
    ("posts", "GET"): 100,
    ("posts", "POST"): 50,
    ("post", "GET"): 300,
    ("post", "PATCH"): 50,
    ("post", "DELETE"): 50,
    ("post_versions", "GET"): 100,
    ("server_info", "GET"): 300,
}

#: Of all that is not spoken here.
_OTHERS = 300

_COLLECTIONS = {"attachments": "attachment", "posts": "post"}
_SINGLE = {
    "post_versions": "post_versions",
    "server-info": "server_info",
    "server_info": "server_info",
}

Who = tuple[str, object]


async def caller_of(request: Request) -> Principal:
    """Whose key it is; counts the request. Raises Unauthenticated, RateLimited."""
    try:
        caller = await authenticate(request, services_of(request), "bearer")
    except Unauthenticated:
        _count(request, _address(request))
        raise
    _count(request, ("principal", caller.id))
    return caller


Caller = Annotated[Principal, Depends(caller_of)]


class Metered(Route):
    """Its answers tell the caller's standing, and those to HEAD have no body."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def metered(request: Request) -> Response:
            return finished(request, await answer(request))

        return metered


def finished(request: Request, response: Response) -> Response:
    """The answer with what every one of them has to have."""
    standing: Standing | None = getattr(request.state, "campr_standing", None)
    if standing is None:  # refused before anybody asked who it is
        standing = standing_of(request, _address(request), *_bucket(request))
    response.headers["Rate-Limit-Limit"] = str(standing.limit)
    response.headers["Rate-Limit-Remaining"] = str(standing.remaining)
    response.headers["Rate-Limit-Reset"] = str(standing.reset)
    if request.method == "HEAD":
        response.body = b""
    return response


def standing_of(request: Request, who: Who, endpoint: str, family: str) -> Standing:
    """Where somebody stands, without counting a request."""
    limit = LIMITS.get((endpoint, family), _OTHERS)
    now = services_of(request).clock.now()
    return _limiter(request).look((*who, endpoint, family), limit, now)


def _count(request: Request, who: Who) -> None:
    bucket = _bucket(request)
    now = services_of(request).clock.now()
    standing = _limiter(request).take((*who, *bucket), LIMITS.get(bucket, _OTHERS), now)
    request.state.campr_standing = standing
    if standing.exceeded and config_of(request).rate_limits:
        raise RateLimited(retry_after=standing.reset)


def _bucket(request: Request) -> tuple[str, str]:
    family = "GET" if request.method == "HEAD" else request.method
    collection, *rest = request.url.path.strip("/").split("/")
    if collection in _COLLECTIONS:
        return (_COLLECTIONS[collection] if rest else collection), family
    return _SINGLE.get(collection, "others"), family


def _address(request: Request) -> Who:
    return "address", request.client.host if request.client else ""


def _limiter(request: Request) -> RateLimiter:
    state = request.app.state
    if not hasattr(state, "campr_limiter"):
        state.campr_limiter = RateLimiter(WINDOW)
    limiter: RateLimiter = state.campr_limiter
    return limiter
