"""Request limits, and the caller they count for (Campr, «Rate limiting»).

Every answer tells where its caller stands: `Rate-Limit-Limit`, `Rate-Limit-Remaining`, and `Rate-Limit-Reset` in
seconds. A caller is a principal; who has no key that works is known by address, so that guessing is limited too.
All workers and nodes count together. Where the installation does not enforce limits, the figures are told all the same,
and each process tells its own.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from coatcheck.domain.errors import RateLimited, Unauthenticated
from coatcheck.domain.principal import Principal
from coatcheck.domain.rate import Rate, Standing
from coatcheck.web.addresses import address_of
from coatcheck.web.auth import authenticate
from coatcheck.web.dependencies import config_of, services_of
from coatcheck.web.dialects.campr.unenforced import Unenforced
from coatcheck.web.routing import Route

#: In ms.
WINDOW = 300_000

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


async def caller_of(request: Request) -> Principal:
    """Whose key it is; counts the request. Raises Unauthenticated, RateLimited."""
    try:
        caller = await authenticate(request, services_of(request), "bearer")
    except Unauthenticated:
        await _count(request, _address(request))
        raise
    except RateLimited as error:  # by a limit of all dialects, of which the figures tell then
        limit, reset = error.facts["limit"], error.facts["retry_after"]
        request.state.campr_standing = Standing(limit, 0, reset, exceeded=True)
        raise
    await _count(request, name_of(caller))
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
        standing = _look(request, _address(request), *_bucket(request))
    response.headers["Rate-Limit-Limit"] = str(standing.limit)
    response.headers["Rate-Limit-Remaining"] = str(standing.remaining)
    response.headers["Rate-Limit-Reset"] = str(standing.reset)
    if request.method == "HEAD":
        response.body = b""
    return response


async def standings(request: Request, caller: Principal) -> dict[tuple[str, str], Standing]:
    """Where the caller stands with each of `LIMITS`, without counting a request."""
    if not config_of(request).rate_limits:
        return {bucket: _look(request, name_of(caller), *bucket) for bucket in LIMITS}
    found = await services_of(request).rationing.standings(
        name_of(caller), {_kind(*bucket): _rate(*bucket) for bucket in LIMITS}
    )
    return {bucket: found[_kind(*bucket)] for bucket in LIMITS}


def name_of(caller: Principal) -> str:
    return f"principal {caller.id}"


async def _count(request: Request, who: str) -> None:
    bucket = _bucket(request)
    kind, rate = _kind(*bucket), _rate(*bucket)
    services = services_of(request)
    if not config_of(request).rate_limits:
        standing = _unenforced(request).take(who, kind, rate, services.clock.now())
    else:
        standing = await services.rationing.take(who, kind, rate)
    request.state.campr_standing = standing
    if standing.exceeded:
        raise RateLimited(
            f"Too many requests: at most {rate.limit} in {WINDOW // 60_000} minutes.",
            what="requests",
            limit=rate.limit,
            retry_after=standing.reset,
        )


def _look(request: Request, who: str, endpoint: str, family: str) -> Standing:
    """As far as this process knows it."""
    services = services_of(request)
    kind, rate = _kind(endpoint, family), _rate(endpoint, family)
    if not config_of(request).rate_limits:
        return _unenforced(request).look(who, kind, rate, services.clock.now())
    return services.rationing.look(who, kind, rate)


def _kind(endpoint: str, family: str) -> str:
    return f"campr {endpoint} {family}"


def _rate(endpoint: str, family: str) -> Rate:
    return Rate(LIMITS.get((endpoint, family), _OTHERS), WINDOW)


def _bucket(request: Request) -> tuple[str, str]:
    family = "GET" if request.method == "HEAD" else request.method
    collection, *rest = request.url.path.strip("/").split("/")
    if collection in _COLLECTIONS:
        return (_COLLECTIONS[collection] if rest else collection), family
    return _SINGLE.get(collection, "others"), family


def _address(request: Request) -> str:
    return f"address {address_of(request)}"


def _unenforced(request: Request) -> Unenforced:
    state = request.app.state
    if not hasattr(state, "campr_unenforced"):
        state.campr_unenforced = Unenforced()
    counts: Unenforced = state.campr_unenforced
    return counts
