"""What goes wrong, in the words of the File API: {"errors": ["…", …]}."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coatcheck.domain.errors import BadName, CoatcheckError, Invalid
from coatcheck.web.problem import Problem

T = TypeVar("T")

#: Where they differ from the usual ones: the documentation knows 400, 401, 404, 422 and 500.
STATUSES = {
    "invalid_request": 422,
    "bad_name": 422,
    "cycle": 422,
    "excess": 422,
    "name_taken": 422,
    "not_empty": 422,
    "overlap": 422,
    "size_mismatch": 422,
    "too_large": 422,
    "too_many": 422,
    "unsupported": 400,
    "missing": 422,
    "gone": 404,
}

_BY_CODE = {
    "bad_credentials": "Invalid API key",
    "cycle": "Parent You cannot add an ancestor as a descendant",
    "excess": "Received size exceeds total size",
    "gone": "Record not found",
    "incomplete": "Malformed request",
    "internal_error": "Internal server error",
    "malformed": "Malformed request",
    "method_not_allowed": "Method not allowed",
    "not_found": "Record not found",
    "overlap": "Chunk already received with different content",
    "quota_exceeded": "Quota exceeded",
    "size_mismatch": "Total size does not match",
    "unauthenticated": "Authorization required",
    "unsupported": "Malformed request",
}

_INVALID_FIELDS = {
    "chunk": "Chunk number is invalid",
    "filename": "File name is invalid",
    "folder": "Folder is invalid",
    "key": "Key is invalid",
    "name": "Name is invalid",
    "parent": "Parent is nested too deeply",
    "token": "Token is invalid",
    "total_size": "Total size is invalid",
}

_TAKEN = {"token": "Token has already been taken", "name": "Name has already been taken"}
_BLANK = {"token": "Token can't be blank", "name": "Name can't be blank"}
_HOLDS = {
    "folders": "Cannot delete folder with subfolders",
    "attachments": "Cannot delete folder containing files",
}

#: Under these, whatever is no endpoint is a record that does not exist.
_RECORDS = ("/api/files/", "/api/folders/", "/f/")


class Findings:
    """What is wrong with a request: all of it, in the order in which it was found, told at once."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def note(self, message: str) -> None:
        self.messages.append(message)

    def attempt(self, parse: Callable[[], T], otherwise: T) -> T:
        """What `parse` returns; `otherwise`, and a finding, where it raises BadName."""
        try:
            return parse()
        except BadName as error:
            self.note(_of_name(error.facts))
            return otherwise

    def settle(self) -> None:
        """Raises Invalid(messages=…) where anything was found."""
        if self.messages:
            raise Invalid(self.messages[0], messages=tuple(self.messages))


def refused(message: str) -> CoatcheckError:
    """422 with this message."""
    return Invalid(message, messages=(message,))


def render(problem: Problem, request: Request) -> Response:
    """A failure while a chunked upload is put together is always a 500: its chunks are kept, and a retry may help."""
    if problem.facts.get("completing"):
        messages, status = [f"Failed to create final file: {problem.detail}"], 500
    else:
        messages, status = _messages(problem, request.url.path), problem.status
    return JSONResponse({"errors": messages}, status_code=status)


def _messages(problem: Problem, path: str) -> list[str]:
    facts = problem.facts
    if "messages" in facts:
        return list(facts["messages"])
    match problem.code:
        case "bad_name":
            return [_of_name(facts)]
        case "too_large":
            return [_INVALID_FIELDS.get(str(facts.get("field")), "File is too large")]
        case "name_taken":
            return [_TAKEN.get(facts.get("field", ""), _TAKEN["name"])]
        case "not_empty":
            return [_HOLDS.get(facts.get("holds", ""), _HOLDS["attachments"])]
        case "invalid_request" if facts.get("field") == "parent":
            return ["Parent must exist"]
        case "unknown_path":
            return ["Record not found" if path.startswith(_RECORDS) else "Not found"]
    return [_BY_CODE.get(problem.code, problem.detail.removesuffix("."))]


def _of_name(facts: Mapping[str, Any]) -> str:
    field = str(facts.get("field"))
    if facts.get("reason") == "blank":
        return _BLANK.get(field, _BLANK["name"])
    return _INVALID_FIELDS.get(field, "Name is invalid")
