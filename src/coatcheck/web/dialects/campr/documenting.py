"""What OpenAPI is told by hand: a body declared to the framework would be read before the caller is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel

from coatcheck.web.dialects.campr.shapes import Errors
from coatcheck.web.inlining import inlined
from coatcheck.web.routing import Endpoint, Router

_FIGURES = {
    name: {"description": text, "schema": {"type": "integer"}}
    for name, text in {
        "Rate-Limit-Limit": "Requests in a window.",
        "Rate-Limit-Remaining": "How many of them are left.",
        "Rate-Limit-Reset": "Seconds until the window ends.",
    }.items()
}

_BINARY = {"type": "string", "format": "binary"}

Responses = dict[int | str, dict[str, Any]]


def answers(success: Responses, *errors: int) -> Responses:
    """The answers of a route: these, any of these errors, and any other in the same shape."""
    told: Responses = {status: {"model": Errors} for status in (401, *errors, 429)}
    for answer in success.values():  # the others have them too, but nobody needs to read that
        answer["headers"] = {**answer.get("headers", {}), **_FIGURES}
    return {**success, **told, "default": {"model": Errors, "description": "Any other error."}}


def body_of(model: type[BaseModel]) -> dict[str, Any]:
    """`openapi_extra` of a route that takes such a JSON document."""
    content = {"application/json": {"schema": inlined(model)}}
    return {"requestBody": {"required": True, "content": content}}


def raw_body(headers: dict[str, str]) -> dict[str, Any]:
    """`openapi_extra` of a route that takes any bytes, described by these header fields."""
    return {
        "requestBody": {"required": True, "content": {"*/*": {"schema": _BINARY}}},
        "parameters": [
            {"name": name, "in": "header", "description": text, "schema": {"type": "string"}}
            for name, text in headers.items()
        ],
    }


def bytes_answer(description: str) -> dict[str, Any]:
    return {"description": description, "content": {"*/*": {"schema": _BINARY}}}


def reads(router: Router, path: str, **options: Any) -> Callable[[Endpoint], Endpoint]:
    """Register an endpoint for GET and for HEAD, which answers the same without a body."""

    def register(endpoint: Endpoint) -> Endpoint:
        for method in ("GET", "HEAD"):
            router.add(path, method, endpoint, **options)
        return endpoint

    return register
