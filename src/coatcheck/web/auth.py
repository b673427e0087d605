"""Credentials out of the Authorization header, in the schemes that a dialect speaks."""

from __future__ import annotations

import base64
import binascii

from starlette.requests import Request

from coatcheck.domain.errors import BadCredentials, Unauthenticated
from coatcheck.domain.principal import Principal
from coatcheck.services.bundle import Services
from coatcheck.web.given_keys import holder_of
from coatcheck.web.limits import count_request, count_wrong_key
from coatcheck.web.streaming import announced

_MAX_LENGTH = 4096


async def authenticate(request: Request, services: Services, *schemes: str) -> Principal:
    """Who asks. `schemes` are lower case: "bearer", "oauth", "basic" (login and key), or "basic:apikey" (Basic with
    that user name whoever it is).

    Raises Unauthenticated where there are no credentials in one of the schemes, BadCredentials where they are wrong;
    RateLimited where these were too many wrong ones from one address, or the caller's requests are; Unavailable where a
    body comes that could not be kept, since database or store are away.
    """
    try:
        caller = await _holder(request, services, schemes)
    except BadCredentials:
        await count_wrong_key(request, services)
        raise
    await count_request(request, services, caller)
    return caller


async def _holder(request: Request, services: Services, schemes: tuple[str, ...]) -> Principal:
    if size := announced(request.headers):
        await services.availability.expect(size)
    given = request.headers.getlist("authorization")
    if len(given) != 1 or len(given[0]) > _MAX_LENGTH:
        raise Unauthenticated
    scheme, _, value = given[0].partition(" ")
    scheme, value = scheme.lower(), value.strip(" ")
    if not value:
        raise Unauthenticated
    if scheme != "basic" and scheme in schemes:
        if " " in value:
            raise BadCredentials
        return await holder_of(value, request, services)
    for wanted in schemes:
        kind, fixed, user = wanted.partition(":")
        if kind == scheme == "basic":
            login, key = _login_and_key(value)
            if fixed and login != user:
                raise BadCredentials
            caller = await holder_of(key, request, services)
            if not fixed and login != caller.login:
                raise BadCredentials
            return caller
    raise Unauthenticated


def _login_and_key(encoded: str) -> tuple[str, str]:
    try:
        decoded = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise BadCredentials from None
    login, found, key = decoded.partition(":")
    if not found:
        raise BadCredentials
    return login, key
