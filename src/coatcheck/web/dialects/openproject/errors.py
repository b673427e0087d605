"""What goes wrong, in the words of OpenProject: {"_type": "Error", "errorIdentifier": "urn:…", "message": "…"}."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from coatcheck.domain.errors import CoatcheckError, Invalid, Malformed
from coatcheck.web.dialects.openproject.hal import HalResponse
from coatcheck.web.problem import Problem

T = TypeVar("T")

_URN = "urn:openproject-org:api:v3:errors:"

#: What a part or field may hold, in characters: upstream's columns, and ours.
MAX_LENGTH = 255

#: Where they differ from the usual ones.
STATUSES = {"already_claimed": 422, "quota_exceeded": 422, "rejected": 422, "too_large": 422}

_STATUS_OF = {
    "InvalidRequestBody": 400,
    "TypeNotSupported": 415,
    "PropertyConstraintViolation": 422,
    "PropertyFormatError": 422,
    "ResourceTypeMismatch": 422,
    "MultipleErrors": 422,
}

_IDENTIFIER_OF = {
    400: "InvalidRequestBody",
    401: "Unauthenticated",
    403: "MissingPermission",
    404: "NotFound",
    405: "NotFound",
    409: "UpdateConflict",
    415: "TypeNotSupported",
    422: "PropertyConstraintViolation",
    429: "TooManyRequests",
}

#: Where the words are fixed; else what we say about it ourselves is the message.
_MESSAGE_OF = {
    401: "You need to be authenticated to access this resource.",
    403: "You are not authorized to access this resource.",
    404: "The requested resource could not be found.",
    405: "The requested resource could not be found.",
    409: "Could not update the resource because of conflicting modifications.",
    429: "Too many requests. Please try again later.",
    500: "An internal error has occurred.",
}

_NO_CONTENT_TYPE = "Missing content-type header"
_BAD_JSON = "The request could not be parsed as JSON."


def violation(attribute: str, message: str) -> Invalid:
    """422: the value cannot be."""
    return _error("PropertyConstraintViolation", message, attribute)


def wrong_format(attribute: str, expected: str, given: str) -> Invalid:
    """422: the value is of another kind than it has to be."""
    message = (
        f"Invalid format for property '{attribute}': "
        f"Expected format like '{expected}', but got '{given}'."
    )
    return _error("PropertyFormatError", message, attribute)


def wrong_link(attribute: str, expected: str, given: str) -> Invalid:
    """422: the link leads elsewhere than it has to."""
    message = f"For property '{attribute}' a link like '{expected}' is expected, but got '{given}'."
    return _error("ResourceTypeMismatch", message, attribute)


def wrong_content_type(expected: str, given: str) -> Invalid:
    """415."""
    message = f"Expected CONTENT-TYPE to be '{expected}' but got '{given}'."
    return _error("TypeNotSupported", message)


def no_content_type() -> Invalid:
    """406, which upstream's framework tells in plain text."""
    return Invalid(_NO_CONTENT_TYPE, plain=406)


def bad_json() -> Malformed:
    return Malformed(_BAD_JSON)


class Findings:
    """What is wrong with a document: all of it, told at once."""

    def __init__(self) -> None:
        self._found: list[CoatcheckError] = []

    def attempt(self, parse: Callable[[], T], otherwise: T) -> T:
        """What `parse` returns; `otherwise`, and a finding, where it raises Invalid."""
        try:
            return parse()
        except Invalid as error:
            self._found.append(error)
            return otherwise

    def settle(self) -> None:
        """Raises the one that was found, or all of them as one."""
        if len(self._found) > 1:
            errors = [_body(*_words(each.facts, each.detail)) for each in self._found]
            message = "Multiple field constraints have been violated."
            raise Invalid(message, identifier="MultipleErrors", errors=errors)
        if self._found:
            raise self._found[0]


def render(problem: Problem, request: Request) -> Response:
    if "plain" in problem.facts:
        return PlainTextResponse(problem.detail, status_code=problem.facts["plain"])
    status, identifier, message, details = _told(problem)
    headers = {"WWW-Authenticate": _challenge(problem, request)} if status == 401 else {}
    return HalResponse(_body(identifier, message, details), status, headers)


def _error(identifier: str, message: str, attribute: str | None = None) -> Invalid:
    facts = {"attribute": attribute} if attribute else {}
    return Invalid(message, identifier=identifier, **facts)


def _told(problem: Problem) -> tuple[int, str, str, Mapping[str, Any]]:
    """Status, identifier, message and what is embedded."""
    if "identifier" in problem.facts:
        return _STATUS_OF[problem.facts["identifier"]], *_words(problem.facts, problem.detail)
    if said := _of_a_property(problem):
        return _STATUS_OF[said.facts["identifier"]], *_words(said.facts, said.detail)
    status = problem.status
    identifier = _IDENTIFIER_OF.get(
        status, "InternalServerError" if status >= 500 else "BadRequest"
    )
    if problem.code == "bad_credentials":
        return status, identifier, "You did not provide the correct credentials.", {}
    # Upstream's messages are sentences, whoever said it first.
    detail = problem.detail if problem.detail.endswith((".", "!", "?")) else f"{problem.detail}."
    return status, identifier, _MESSAGE_OF.get(status, detail), {}


def _of_a_property(problem: Problem) -> CoatcheckError | None:
    """What the core has found, where these words tell it of a property."""
    facts = problem.facts
    match problem.code:
        case "not_found" | "gone" if "refusals" in facts:
            return violation("attachments", "Attachments does not exist.")
        case "already_claimed":
            return violation("attachments", "Attachments cannot be changed.")
        case "too_large" | "malformed" if facts.get("field") == "metadata":
            return _error("InvalidRequestBody", _BAD_JSON)
        case "too_large" if facts.get("field") == "file":
            return not_a_file()
        case "too_large":
            limit = facts.get("limit")
            return violation("file", f"File is too large (maximum size is {limit} Bytes).")
        case "quota_exceeded":
            return violation("file", "File does not fit into your storage quota.")
        case "rejected":
            return violation("file", problem.detail)
    return None


def not_a_file() -> Invalid:
    return wrong_format("file", "a part with a filename", "a part without")


def _words(facts: Mapping[str, Any], message: str) -> tuple[str, str, Mapping[str, Any]]:
    if "errors" in facts:
        return facts["identifier"], message, {"errors": facts["errors"]}
    details = {"details": {"attribute": facts["attribute"]}} if "attribute" in facts else {}
    return facts["identifier"], message, details


def _body(identifier: str, message: str, embedded: Mapping[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {
        "_type": "Error",
        "errorIdentifier": _URN + identifier,
        "message": message,
    }
    return body | ({"_embedded": embedded} if embedded else {})


def _challenge(problem: Problem, request: Request) -> str:
    scheme = request.headers.get("authorization", "").partition(" ")[0].lower()
    if problem.code == "bad_credentials" and scheme == "bearer":
        return 'Bearer realm="OpenProject API", error="invalid_token"'
    return 'Basic realm="OpenProject API"'
