"""Who asks, for what: what every route reads of a request before its body."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import Depends, Path
from fastapi.security import HTTPBearer
from starlette.datastructures import Headers
from starlette.requests import Request

from coatcheck.domain.claim import Reference
from coatcheck.domain.container import ContainerRef
from coatcheck.domain.errors import Invalid, Malformed
from coatcheck.domain.principal import Principal
from coatcheck.services.ports import Body
from coatcheck.web.auth import authenticate
from coatcheck.web.dependencies import services_of
from coatcheck.web.dialects.native.kinds import ref_of
from coatcheck.web.dialects.native.references import reference_of
from coatcheck.web.headers import single
from coatcheck.web.headers.content_encoding import refuse_encoded
from coatcheck.web.streaming import read_json

#: Shown in the documentation; `caller_of` does the work.
KEY = HTTPBearer(scheme_name="Coatcheck key", auto_error=False)

#: Bytes of JSON.
_MAX_JSON = 1024 * 1024

# RFC 8941 has the key in quotes, and most senders leave them out.
_KEY = re.compile(r'"?([\x21\x23-\x5b\x5d-\x7e]{1,255})"?')

_TRUTH = {"true": True, "1": True, "false": False, "0": False}


async def caller_of(request: Request) -> Principal:
    """Out of the head alone: the body is not looked at before the caller is known."""
    return await authenticate(request, services_of(request), "bearer")


async def named(
    id: Annotated[str, Path(description="A number, a public id, `sha256:…` or `sha3-256:…`.")],
) -> Reference:
    """Raises NotFound for what no attachment can be called."""
    return reference_of(id)


async def container(kind: str, id: str) -> ContainerRef:
    """Raises NotFound for what no container can be called."""
    return ref_of(kind, id)


Caller = Annotated[Principal, Depends(caller_of)]
Named = Annotated[Reference, Depends(named)]
InContainer = Annotated[ContainerRef, Depends(container)]


def idempotency_key(headers: Headers) -> str | None:
    """Raises Malformed for what is no visible ASCII, or longer than 255 characters."""
    given = (single(headers, "Idempotency-Key") or "").strip(" \t")
    match = _KEY.fullmatch(given)
    if given and match is None:
        raise Malformed(
            "Idempotency-Key is not 1 to 255 visible characters.", field="Idempotency-Key"
        )
    return match and match[1]


def flag_of(request: Request, name: str) -> bool:
    """A query parameter that is true or false, which it is when absent. Raises Invalid."""
    given = one_of(request, name)
    if given is None:
        return False
    if given.lower() not in _TRUTH:
        raise Invalid(f"{name} is neither true nor false.", field=name)
    return _TRUTH[given.lower()]


def one_of(request: Request, name: str) -> str | None:
    """A query parameter that may be given once. Raises Invalid."""
    given = request.query_params.getlist(name)
    if len(given) > 1 or not all(text.isprintable() for text in given):
        raise Invalid(f"{name} is given twice, or is no text.", field=name)
    return given[0] if given else None


def has_body(headers: Headers) -> bool:
    return "transfer-encoding" in headers or headers.get("content-length", "0").strip("0") != ""


async def read_value(headers: Headers, body: Body) -> Any:
    """The JSON value that is the body. Raises Malformed, TooLarge, Incomplete, Unsupported."""
    refuse_encoded(headers)
    return await read_json(body, _MAX_JSON)
