"""What OpenAPI is told by hand: a body declared to the framework would be read before the caller is known."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from coatcheck.web.dialects.native.errors import MEDIA_TYPE
from coatcheck.web.dialects.native.shapes import ProblemShape
from coatcheck.web.inlining import inlined

Responses = dict[int | str, dict[str, Any]]

_BINARY = {"type": "string", "format": "binary"}
_WHEN = {
    400: "Something in the request is not valid.",
    401: "No key, or a wrong one.",
    403: "Another API keeps that container.",
    404: "There is no such thing, or none that the caller may see.",
    409: "The present state does not allow it.",
    413: "Too large.",
    415: "Bodies of this kind are not taken.",
    416: "The range lies outside the content.",
    422: "The Idempotency-Key was used for another request.",
    507: "The quota has no room.",
}

IDEMPOTENCY_KEY = {
    "Idempotency-Key": "Names the request: sent again within a day, it does nothing more, and is answered the same."
}


def answers(success: Responses, *errors: int) -> Responses:
    """The answers of a route: these, any of these errors, and any other in the same form."""
    told: Responses = {status: _problem(_WHEN[status]) for status in (401, *errors)}
    return {**success, **told, "default": _problem("Any other error.")}


def bytes_answers(*errors: int) -> Responses:
    binary = {"*/*": {"schema": _BINARY}}
    return answers(
        {
            200: {"description": "All of it.", "content": binary},
            206: {"description": "The range that was asked for.", "content": binary},
            302: {"description": "The store itself has it, under a link that expires."},
            304: {"description": "The caller has it already."},
        },
        *errors,
    )


def picture_answers(*errors: int) -> Responses:
    shown = {"image/*": {"schema": _BINARY}}
    return answers({200: {"description": "The picture.", "content": shown}}, *errors)


def json_body(
    model: type[BaseModel], *, required: bool = True, **parameters: Any
) -> dict[str, Any]:
    """`openapi_extra` of a route that takes such a JSON document."""
    content = {"application/json": {"schema": inlined(model)}}
    return {"requestBody": {"required": required, "content": content}, **parameters}


def raw_body(headers: dict[str, str]) -> dict[str, Any]:
    """`openapi_extra` of a route that takes any bytes, described by these header fields."""
    content = {"*/*": {"schema": _BINARY}}
    return {"requestBody": {"required": True, "content": content}, **in_header(headers)}


def in_header(fields: dict[str, str]) -> dict[str, Any]:
    return {"parameters": [_parameter(name, "header", text) for name, text in fields.items()]}


def in_query(fields: dict[str, str]) -> dict[str, Any]:
    return {"parameters": [_parameter(name, "query", text) for name, text in fields.items()]}


def _problem(when: str) -> dict[str, Any]:
    return {"description": when, "content": {MEDIA_TYPE: {"schema": _PROBLEM}}}


def _parameter(name: str, place: str, text: str) -> dict[str, Any]:
    return {"name": name, "in": place, "description": text, "schema": {"type": "string"}}


_PROBLEM = inlined(ProblemShape)
