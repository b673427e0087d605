"""What OpenAPI is told by hand, and the two forms of every path: Tracker's clients differ in the slash at its end."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from coatcheck.web.dialects.tracker.shapes import Errors
from coatcheck.web.routing import Router

_BINARY = {"type": "string", "format": "binary"}
_TEXT = {"type": "string"}
_IDS = {
    "type": "array",
    "items": {"type": "string"},
    "examples": [["55", "56"]],
    "description": "Temporary files; each can be attached once.",
}

_WHEN = {
    400: "The request cannot be read, holds no file, or names it badly.",
    401: "No token, or a wrong one.",
    403: "No organization is named, or not the token's.",
    404: "There is no such thing, or the caller cannot see it.",
    409: "It was changed in the meantime, or there is one already.",
    412: "It was changed in the meantime.",
    413: "The file is too large, or the quota has no room for it.",
    422: "A field is not valid, or a file is attached already.",
}

Responses = dict[int | str, dict[str, Any]]


def answers(status: int, model: Any, *errors: int) -> Responses:
    """`responses` of a route that answers with this model (None: without a body), or any of these errors."""
    success = {"model": model} if model else {"description": "Done"}
    refusals: Responses = {
        each: {"model": Errors, "description": _WHEN[each]} for each in (401, 403, *errors)
    }
    return {
        status: success,
        **refusals,
        "default": {"model": Errors, "description": "Any other error."},
    }


def bytes_answers() -> Responses:
    """Of a route that hands out bytes."""
    bytes_of_it = {"content": {"*/*": {"schema": _BINARY}}}
    return {
        **answers(200, None, 404),
        200: {"description": "All of it", **bytes_of_it},
        206: {"description": "The range that was asked for", **bytes_of_it},
        304: {"description": "The client has it already"},
        416: {"model": Errors, "description": "The range lies outside the file"},
    }


def picture_answers() -> Responses:
    """Of a route that hands out a thumbnail."""
    picture = {"content": {"image/*": {"schema": _BINARY}}}
    return {**answers(200, None, 404), 200: {"description": "A small picture", **picture}}


def file_body() -> dict[str, Any]:
    """`openapi_extra` of a route that takes a form with one file, in a field of any name."""
    schema = {"type": "object", "required": ["file"], "properties": {"file": _BINARY}}
    content = {"multipart/form-data": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


def json_body(required: list[str], **properties: dict[str, Any]) -> dict[str, Any]:
    """`openapi_extra` of a route that takes a JSON object."""
    schema = {"type": "object", "required": required, "properties": properties}
    content = {"application/json": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


ISSUE_FIELDS: dict[str, dict[str, Any]] = {
    "summary": _TEXT,
    "description": _TEXT,
    "type": _TEXT,
    "priority": _TEXT,
    "parent": _TEXT,
    "assignee": _TEXT,
    "followers": {"type": "array", "items": _TEXT},
    "sprint": {"type": "array", "items": _TEXT},
    "attachmentIds": _IDS,
    "descriptionAttachmentIds": _IDS,
}

NEW_ISSUE_FIELDS: dict[str, dict[str, Any]] = {
    "queue": {**_TEXT, "examples": ["TREK"], "description": "Made when it is new."},
    "unique": {**_TEXT, "description": "A second issue with the same one is refused."},
    **ISSUE_FIELDS,
}

COMMENT_FIELDS: dict[str, dict[str, Any]] = {
    "text": _TEXT,
    "attachmentIds": _IDS,
    "summonees": {"type": "array", "items": _TEXT},
    "maillistSummonees": {"type": "array", "items": _TEXT},
}


def with_both_slashes(router: Router) -> None:
    """Let each endpoint answer with a slash at its end too; in the documentation it stands once.

    To be called when all are there, and before HEAD is added to them.
    """
    for each in [*router.declared]:
        router.add(f"{each.path}/", each.method, each.endpoint, include_in_schema=False)


def list_of(model: type[BaseModel]) -> Any:
    return list[model]  # type: ignore[valid-type]
