"""Who asks, for what, in which type of body: what every route reads of a request before its body."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends
from fastapi.security import HTTPBearer
from fastapi.security.http import HTTPBase
from starlette.requests import Request

from coatcheck.domain.errors import Malformed, TooLarge
from coatcheck.domain.principal import Principal
from coatcheck.services.ports import Body
from coatcheck.web.auth import authenticate
from coatcheck.web.dependencies import services_of
from coatcheck.web.dialects.openproject.errors import (
    bad_json,
    no_content_type,
    wrong_content_type,
)
from coatcheck.web.headers import single
from coatcheck.web.streaming import read_json

#: Shown in the documentation; `caller_of` does the work.
API_KEY = HTTPBase(
    scheme="basic",
    scheme_name="API key",
    description="User name `apikey`, the key as password.",
    auto_error=False,
)
TOKEN = HTTPBearer(scheme_name="Access token", auto_error=False)

FORM = "multipart/form-data"
JSON = ("application/json", "application/hal+json")

_MAX_JSON = 256 * 1024


async def caller_of(request: Request) -> Principal:
    """Out of the head alone: the body is not looked at before the caller is known."""
    return await authenticate(request, services_of(request), "bearer", "basic:apikey")


Caller = Annotated[Principal, Depends(caller_of)]


def expect(request: Request, *media_types: str) -> str:
    """The Content-Type, which begins like one of these. Raises what is told as 406 or 415."""
    given = single(request.headers, "content-type")
    if not given:
        raise no_content_type()
    if not given.strip().lower().startswith(media_types):
        raise wrong_content_type(" ".join(media_types), given)
    return given


async def read_object(request: Request, body: Body) -> dict[str, Any]:
    """The JSON object that is the body. Raises Malformed, Incomplete."""
    expect(request, *JSON)
    try:
        value = await read_json(body, _MAX_JSON)
    except (Malformed, TooLarge):
        raise bad_json() from None
    return an_object(value)


def an_object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Malformed("The request body was not a single JSON object.")
    return value
