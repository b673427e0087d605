"""Problems in the chat API's words: {"type", "message", "documentation_url"}."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coatcheck.web.dependencies import base_url
from coatcheck.web.dialects.chat.shapes import Error
from coatcheck.web.problem import Problem

#: Where they differ from the usual ones: a bad parameter is always a 400.
STATUSES = {
    "already_claimed": 400,
    "name_taken": 400,
    "too_many": 400,
    "unsupported": 400,
}

_MESSAGES = {
    "already_claimed": "An attachment is already part of another message.",
    "unauthenticated": "Authorization is required: a Bearer token, or a user name and password.",
    "bad_credentials": "The credentials are not valid.",
    "unknown_path": "There is no such endpoint.",
    "method_not_allowed": "The endpoint does not have this method.",
    "not_found": "There is no such object.",
    "gone": "There is no such object.",
}


def render(problem: Problem, request: Request) -> Response:
    kind = "api_error" if problem.status >= 500 else "invalid_request"
    error = Error(
        type=kind,
        message=_MESSAGES.get(problem.code, problem.detail),
        documentation_url=f"{base_url(request)}/-/docs#/chat",
    )
    response = JSONResponse(error.model_dump(), status_code=problem.status)
    if problem.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response
