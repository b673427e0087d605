"""The key that came with a request, which is looked at twice: before its body, and when all of that has come."""

from __future__ import annotations

from starlette.requests import Request

from coatcheck.domain.principal import Principal
from coatcheck.services.bundle import Services

#: In the scope of this one request; what is in `request.state` may be shared.
_KEY = "coatcheck.key"


async def holder_of(key: str, request: Request, services: Services) -> Principal:
    """Whose key it is. Raises BadCredentials."""
    request.scope[_KEY] = key
    return await services.keys.authenticate(key)


async def authenticate_again(request: Request, services: Services) -> None:
    """Raises BadCredentials where the key has been revoked since, or has expired."""
    if key := request.scope.get(_KEY):
        await services.keys.authenticate(key)
