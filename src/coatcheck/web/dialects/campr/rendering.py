"""Problems in Campr's words: `{"errors": [{"id", "code", "description"}]}`, each with an id of its own."""

from __future__ import annotations

import uuid

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coatcheck.web.dialects.campr.metering import finished
from coatcheck.web.problem import Problem

#: Where the status alone does not tell the code.
_BY_CODE = {
    "bad_range": "invalid_content_range",
    "digest_mismatch": "digest_mismatch",
    "storage_full": "insufficient_storage",
}

_BY_STATUS = {
    400: "invalid_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    409: "conflict",
    413: "payload_too_large",
    415: "unsupported_media_type",
    416: "range_not_satisfiable",
    422: "rejected",
    429: "too_many_requests",
    503: "service_unavailable",
    507: "quota_exceeded",
}

_NEEDS_ID = "Client-Request-ID"


def render(problem: Problem, request: Request) -> Response:
    error = {"id": str(uuid.uuid4()), "code": _code(problem), "description": problem.detail}
    response = JSONResponse({"errors": [error]}, status_code=problem.status)
    if problem.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return finished(request, response)


def _code(problem: Problem) -> str:
    if problem.code == "missing" and problem.facts.get("field") == _NEEDS_ID:
        return "client_request_id_required"
    if problem.code in _BY_CODE:
        return _BY_CODE[problem.code]
    return _BY_STATUS.get(
        problem.status, "invalid_request" if problem.status < 500 else "internal_error"
    )
