"""What OpenAPI is told by hand: a body declared to the framework would be read before the caller is known."""

from __future__ import annotations

from typing import Any

from coatcheck.web.dialects.chat.shapes import Error

_BINARY = {"type": "string", "format": "binary"}
_TEXT = {"type": "string"}
_IDS = {"type": "array", "items": {"type": "string"}}

Responses = dict[int | str, dict[str, Any]]


def failures(*statuses: int) -> Responses:
    """`responses` of a route that may answer with these."""
    return {status: {"model": Error} for status in (401, *statuses, 429)}


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


def message_fields(*required: str) -> dict[str, Any]:
    return fields(*required, conversation_id=_TEXT, message=_TEXT, attachments=_IDS, reactions=_IDS)


def pages() -> dict[str, Any]:
    """`openapi_extra` of a list."""
    described = {
        "limit": ("How many, 1 to 100; 10 where it is not given.", {"type": "integer"}),
        "starting_after": ("The page behind this object.", _TEXT),
        "ending_before": ("The page before this object.", _TEXT),
        "conversation_id": ("Those of this conversation.", _TEXT),
    }
    return {
        "parameters": [
            {"name": name, "in": "query", "description": text, "schema": schema}
            for name, (text, schema) in described.items()
        ]
    }


def _body(content: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": content}}
