"""What the OpenAPI document tells of bodies and answers. FastAPI must not see bodies itself: it would read them."""

from __future__ import annotations

from typing import Any

from coatcheck.web.dialects.attachfast.shapes import Errors

_JSON = "application/json"
_FORM = "multipart/form-data"

_WHEN = {
    400: "The body is not JSON, or lacks its root key; or is no form.",
    401: "No key, or a wrong one.",
    404: "There is no such record on this site.",
    422: "What is asked for is not valid, or the present state does not allow it.",
    500: "The chunks are all there and could not be made one; any of them, sent again, tries again.",
    507: "The quota has no room.",
}


def failures(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """`responses` of a route that may answer with these."""
    told: dict[int | str, str] = {status: _WHEN[status] for status in statuses}
    told["default"] = "Too slow, too many, or the server cannot serve now."
    return {status: {"model": Errors, "description": when} for status, when in told.items()}


def query(**parameters: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """`openapi_extra` of a route with these query parameters: (what it means, its schema)."""
    return {
        "parameters": [
            {"name": name, "in": "query", "description": meaning, "schema": schema}
            for name, (meaning, schema) in parameters.items()
        ]
    }


PAGE = ("Counts from 1.", {"type": "integer", "minimum": 1, "default": 1})
PER_PAGE = ("At most 100.", {"type": "integer", "minimum": 1, "maximum": 100, "default": 10})


def form(required: list[str], **properties: dict[str, Any]) -> dict[str, Any]:
    """`openapi_extra` of a route that takes a form with a file."""
    file = {"type": "string", "format": "binary"}
    schema = {
        "type": "object",
        "required": ["file", *required],
        "properties": {"file": file, **properties},
    }
    return {"requestBody": {"required": True, "content": {_FORM: {"schema": schema}}}}


def envelope(root: str, required: list[str], **properties: dict[str, Any]) -> dict[str, Any]:
    """`openapi_extra` of a route that takes JSON under a root key."""
    inner = {"type": "object", "required": required, "properties": properties}
    schema = {"type": "object", "required": [root], "properties": {root: inner}}
    return {"requestBody": {"required": True, "content": {_JSON: {"schema": schema}}}}
