"""What goes wrong, in Tracker's words: {"errors": {field: text}, "errorMessages": [text], "statusCode": n}."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coatcheck.domain.claim import ById
from coatcheck.domain.errors import Invalid, NotFound, VersionMismatch
from coatcheck.web.problem import Problem

_MIB = 1024 * 1024

#: Where they differ from the usual ones. The quota's 507 would be one: Tracker's own client answers every 5xx by
#: sending the file again, of which it has nothing left to send.
STATUSES = {
    "already_claimed": 422,
    "bad_fields": 422,
    "quota_exceeded": 413,
    "stale_match": 412,
}

_BY_CODE = {
    "bad_credentials": "Authorization required.",
    "bad_name": "File name is not valid.",
    "incomplete": "The request body ended too early.",
    "method_not_allowed": "Method not allowed.",
    "name_taken": "Issue with the same unique already exists.",
    "quota_exceeded": "Storage quota exceeded.",
    "rate_limited": "Too many requests.",
    "stale_match": "Version mismatch.",
    "unauthenticated": "Authorization required.",
    "unknown_path": "Not found.",
    "version_mismatch": "Version mismatch.",
}


class BadFields(Invalid):
    """`facts["errors"]` says of each field what is wrong with it."""

    code = "bad_fields"
    summary = "Some fields are not valid."

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(errors=dict(errors))


class StaleMatch(VersionMismatch):
    """As VersionMismatch, where the version was named in If-Match."""

    code = "stale_match"


@contextmanager
def lacking(what: str) -> Iterator[None]:
    """Within it, what is not found is such a thing, unless it is an attachment that was to be claimed."""
    try:
        yield
    except NotFound as error:
        if "refusals" in error.facts:
            raise
        raise NotFound(f"{what} does not exist.") from None


@contextmanager
def matching(headers: Headers) -> Iterator[None]:
    """Within it, a version that is not the present one is told of in the words of If-Match, where that named it."""
    try:
        yield
    except VersionMismatch as error:
        if "if-match" in headers:
            raise StaleMatch(**error.facts) from None
        raise


def render(problem: Problem, request: Request) -> Response:
    errors = _fields(problem)
    messages = [] if errors else [_message(problem)]
    return JSONResponse(
        {"errors": errors, "errorMessages": messages, "statusCode": problem.status},
        status_code=problem.status,
    )


def _fields(problem: Problem) -> dict[str, str]:
    facts = problem.facts
    match problem.code:
        case "bad_fields":
            return dict(facts["errors"])
        case "already_claimed":
            taken = [
                str(each.id) for each, _ in facts.get("refusals", ()) if isinstance(each, ById)
            ]
            return {"attachmentIds": f"Already attached: {', '.join(taken)}."}
        case "rejected":
            return {str(facts.get("field", "file")): problem.detail}
    return {}


def _message(problem: Problem) -> str:
    if problem.status >= 500:  # what went wrong inside is not told
        passing = problem.status in (503, 507)
        return "Service is temporarily unavailable." if passing else "Internal error."
    if problem.code in ("not_found", "gone"):
        named = problem.detail.endswith(" does not exist.")
        return problem.detail if named else "Attachment does not exist."
    if problem.code == "too_large":
        if "field" in problem.facts:
            return "The request is too large."
        return f"File size exceeds {problem.facts['limit'] / _MIB:g} MB."
    return _BY_CODE.get(problem.code, problem.detail)
