"""Who asks, for which organization, in which version of the API: what every route reads of a request's head."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Header, Security
from fastapi.security import HTTPBearer
from fastapi.security.http import HTTPBase
from starlette.requests import Request

from coatcheck.domain.errors import Forbidden
from coatcheck.domain.principal import Principal
from coatcheck.web.auth import authenticate
from coatcheck.web.dependencies import base_url, services_of
from coatcheck.web.dialects.tracker.links import Links

#: Shown in the documentation; `caller_of` does the work.
SCHEMES = [
    Security(HTTPBase(scheme="OAuth", scheme_name="Tracker OAuth token", auto_error=False)),
    Security(HTTPBearer(scheme_name="Tracker IAM token", auto_error=False)),
]

# What the official client puts into the header that it has no value for.
_ABSENT = frozenset({"", "not provided"})

_Organization = Header(description="The organization: a tenant's slug. One of the two is required.")


async def caller_of(
    request: Request,
    x_org_id: Annotated[str | None, _Organization] = None,
    x_cloud_org_id: Annotated[str | None, _Organization] = None,
) -> Principal:
    """Out of the head alone. Raises Unauthenticated, or Forbidden for an organization that is not the caller's."""
    caller = await authenticate(request, services_of(request), "oauth", "bearer")
    named = [
        value for value in (x_cloud_org_id, x_org_id) if value and value.strip() not in _ABSENT
    ]
    if not named or named[0].strip() != caller.tenant:
        raise Forbidden("Organization is not available, not ready or not found")
    return caller


async def links_of(request: Request) -> Links:
    """Addresses in the version that was asked in."""
    version = request.scope["path"].split("/", 2)[1]
    return Links(f"{base_url(request)}/{version}")


Caller = Annotated[Principal, Depends(caller_of)]
Addresses = Annotated[Links, Depends(links_of)]
