"""What OpenAPI is told by hand: a body declared to the framework would be read before the caller is known."""

from __future__ import annotations

from typing import Any

from coatcheck.web.dialects.chat.shapes import Error

_BINARY = {"type": "string", "format": "binary"}
_TEXT: dict[str, Any] = {"type": "string"}
_IDS = {"type": "array", "items": {"type": "string"}}

Responses = dict[int | str, dict[str, Any]]


#: Stands for every other failure; without it the framework documents answers of its own.
OTHERWISE: dict[str, Any] = {"model": Error, "description": "Any other failure"}


def failures(*statuses: int) -> Responses:
    """`responses` of a route that may answer with these."""
    expected: Responses = {status: {"model": Error} for status in (401, *statuses, 429)}
    return {**expected, "default": OTHERWISE}


def file_form() -> dict[str, Any]:
    """`openapi_extra` of the upload."""
    schema = {
        "type": "object",
        "required": ["file"],
        "properties": {"file": _BINARY, "conversation_id": _TEXT, "message_id": _TEXT},
    }
    return _body({"multipart/form-data": {"schema": schema}})


def fields(*required: str, **properties: Any) -> dict[str, Any]:
    """`openapi_extra` of a route that takes these, as a form or as JSON."""
    schema = {"type": "object", "required": list(required), "properties": properties}
    kinds = ("application/json", "application/x-www-form-urlencoded")
    return _body({kind: {"schema": schema} for kind in kinds})


def new_message() -> dict[str, Any]:
    """`openapi_extra` of the route that sends one."""
    described = fields(
        "conversation_id",
        "message",
        conversation_id=_TEXT,
        message=_TEXT,
        attachments=_IDS,
        reactions=_IDS,
    )
    text = "Sent twice with the same key, a message is made once."
    return described | {"parameters": [_parameter("Idempotency-Key", text, where="header")]}


def changed_message() -> dict[str, Any]:
    """`openapi_extra` of the route that changes one."""
    return fields(message=_TEXT, attachments=_IDS, reactions=_IDS)


def pages() -> dict[str, Any]:
    """`openapi_extra` of a list."""
    limit = {"type": "integer", "minimum": 1, "maximum": 100, "default": 10}
    return {
        "parameters": [
            _parameter("limit", "How many.", limit),
            _parameter("starting_after", "The page behind this object."),
            _parameter("ending_before", "The page before this object."),
        ]
    }


def pages_within() -> dict[str, Any]:
    """`openapi_extra` of a list that can be limited to a conversation."""
    of_one = _parameter("conversation_id", "Those of this conversation.")
    return {"parameters": [*pages()["parameters"], of_one]}


def _parameter(
    name: str, text: str, schema: dict[str, Any] = _TEXT, *, where: str = "query"
) -> dict[str, Any]:
    return {"name": name, "in": where, "description": text, "schema": schema}


def _body(content: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": content}}
