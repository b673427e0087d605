"""Problem details (RFC 9457) for everything that goes wrong under /coatcheck."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coatcheck.domain.claim import Reference
from coatcheck.domain.errors import (
    AlreadyClaimed,
    CoatcheckError,
    DigestMismatch,
    NotFound,
    Overlap,
    ReplayMismatch,
    SizeMismatch,
)
from coatcheck.web.dialects.native.drafts import Asked
from coatcheck.web.problem import Problem

MEDIA_TYPE = "application/problem+json"
TYPE = "urn:coatcheck:problem:"

#: A key that is used for something else is a mistake of the client's that a retry does not heal.
STATUSES = {"replay_mismatch": 422}

#: Facts that are told, each under its own name.
_TOLD = (
    "field",
    "pointer",
    "limit",
    "minimum",
    "maximum",
    "size",
    "retry_after",
    "missing",
    "refusals",
)


_OF_THE_ROUTER = {
    "unknown_path": "There is no such path.",
    "method_not_allowed": "The method is not allowed here.",
}


def _titles(kind: type[CoatcheckError]) -> dict[str, str]:
    found = {kind.code: kind.summary}
    for child in kind.__subclasses__():
        found |= _titles(child)
    return found


#: The same for every occurrence of a type.
TITLES = {**_titles(CoatcheckError), **_OF_THE_ROUTER}


def render(problem: Problem, _request: Request) -> Response:
    status = problem.status
    if problem.code == DigestMismatch.code and "refusals" in problem.facts:
        status = 409  # the request is sound; what it names is something else
    title = TITLES.get(problem.code, problem.detail)
    document = {
        "type": TYPE + problem.code,
        "title": title,
        "status": status,
        "detail": title if problem.code in _OF_THE_ROUTER else problem.detail,
        "code": problem.code,
        **{name: problem.facts[name] for name in _TOLD if name in problem.facts},
    }
    response = JSONResponse(document, status_code=status, media_type=MEDIA_TYPE)
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="coatcheck"'
    return response


@contextmanager
def told_by_name(asked: Sequence[Asked]) -> Iterator[None]:
    """Refusals name things as the client did: `{"id": 5, "pointer": "/attachments/0", "reason": "claimed"}`."""
    try:
        yield
    except (NotFound, AlreadyClaimed, DigestMismatch) as error:
        if "refusals" in error.facts:
            error.facts["refusals"] = _by_name(asked, dict(error.facts["refusals"]))
        raise


@contextmanager
def one_body_a_key() -> Iterator[None]:
    """Other bytes under the same Idempotency-Key are told as that. Raises ReplayMismatch."""
    try:
        yield
    except (Overlap, SizeMismatch) as error:
        raise ReplayMismatch from error


def _by_name(asked: Sequence[Asked], reasons: dict[Reference, str]) -> list[dict[str, Any]]:
    return [
        {**each.given, "pointer": each.pointer, "reason": reasons[each.wanted.reference]}
        for each in asked
        if each.wanted.reference in reasons
    ]
