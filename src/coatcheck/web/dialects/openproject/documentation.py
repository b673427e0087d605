"""What the OpenAPI document tells of bodies and answers. FastAPI must not see bodies itself: it would read them."""

from __future__ import annotations

from typing import Any

from coatcheck.web.dialects.openproject.asking import FORM, JSON
from coatcheck.web.dialects.openproject.hal import HalResponse
from coatcheck.web.dialects.openproject.shapes import Error

_WHEN = {
    400: "InvalidRequestBody: the form lacks a part, or what should be JSON is none.",
    401: "Unauthenticated: no key, or a wrong one.",
    403: "MissingPermission.",
    404: "NotFound: not there, or not for you; the two look alike.",
    409: "UpdateConflict: it has another lockVersion by now.",
    415: "TypeNotSupported: the body has another media type.",
    422: "PropertyConstraintViolation, PropertyFormatError, ResourceTypeMismatch, or MultipleErrors.",
}

_HREFS = {
    "type": "array",
    "items": {"type": "object", "properties": {"href": {"type": "string"}}},
    "example": [{"href": "/api/v3/attachments/1"}],
}

_DESCRIPTION = {
    "description": "A text, bare or as `raw`.",
    "type": "object",
    "properties": {"raw": {"type": "string", "maxLength": 255}},
}


def failures(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """`responses` of a route that may answer with these. 406 is told in plain text.

    Without a default, FastAPI would promise a 422 of its own wherever there is an id.
    """
    told: dict[int | str, dict[str, Any]] = {
        status: {"model": Error, "description": _WHEN[status]} for status in statuses
    }
    told["default"] = {"model": Error, "description": "Any other failure."}
    if 415 in statuses:
        told[406] = {
            "description": "Missing content-type header",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        }
    return told


def failures_of_bytes(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The same for a route whose success is no HAL: FastAPI would take its failures for none either."""
    content = {HalResponse.media_type: {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {
        status: {"description": told["description"], "content": content}
        for status, told in failures(*statuses).items()
    }


def two_parts() -> dict[str, Any]:
    """`openapi_extra` of a route that takes an upload."""
    metadata = {
        "type": "object",
        "required": ["fileName"],
        "properties": {
            "fileName": {"type": "string", "maxLength": 255},
            "description": _DESCRIPTION,
        },
    }
    schema = {
        "type": "object",
        "required": ["metadata", "file"],
        "properties": {"metadata": metadata, "file": {"type": "string", "format": "binary"}},
    }
    encoding = {"metadata": {"contentType": "application/json"}}
    return _body({FORM: {"schema": schema, "encoding": encoding}})


def metadata_alone() -> dict[str, Any]:
    """`openapi_extra` of a route that is told of a file that will be sent elsewhere."""
    properties = {
        "fileName": {"type": "string", "maxLength": 255},
        "fileSize": {"type": "integer", "minimum": 1},
        "contentType": {"type": "string"},
        "description": _DESCRIPTION,
    }
    metadata = {
        "type": "object",
        "required": ["fileName", "fileSize"],
        "properties": properties,
    }
    schema = {"type": "object", "required": ["metadata"], "properties": {"metadata": metadata}}
    encoding = {"metadata": {"contentType": "application/json"}}
    return _body({FORM: {"schema": schema, "encoding": encoding}})


def work_package(*, required: tuple[str, ...] = (), **more: dict[str, Any]) -> dict[str, Any]:
    """`openapi_extra` of a route that takes a work package."""
    link = {"type": "object", "properties": {"href": {"type": "string"}}}
    links = dict.fromkeys(("project", "type", "status", "priority"), link)
    schema = {
        "type": "object",
        "required": list(required),
        "properties": {
            "subject": {"type": "string", "maxLength": 255},
            "description": {"type": "object", "properties": {"raw": {"type": "string"}}},
            **more,
            "_links": {"type": "object", "properties": {"attachments": _HREFS, **links}},
        },
    }
    return _body({media_type: {"schema": schema} for media_type in JSON})


def _body(content: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": content}}
