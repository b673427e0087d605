"""Whatever goes wrong under /api/v3 is told in OpenProject's words."""

from __future__ import annotations

import json
from typing import Any
from unittest import mock

import httpx
import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from coatcheck.domain import errors
from coatcheck.web.dialects.openproject import DIALECT
from coatcheck.web.problem import problem_of
from tests.kit import Installation
from tests.web.dialects.openproject.speaking import HAL, NOT_FOUND, URN, refusal

FACTS: dict[str, Any] = {
    "limit": 7,
    "field": "x",
    "retry_after": 3,
    "size": 5,
    "total": 9,
    "version": 2,
}


def every_error(kind: type[errors.CoatcheckError]) -> list[type[errors.CoatcheckError]]:
    return [kind, *(each for child in kind.__subclasses__() for each in every_error(child))]


@pytest.mark.parametrize("kind", every_error(errors.CoatcheckError), ids=lambda kind: kind.code)
def test_every_error_is_a_whole_document(kind: type[errors.CoatcheckError]) -> None:
    request = Request({"type": "http", "headers": []})
    problem = problem_of(kind(**FACTS), DIALECT.statuses)
    answer = DIALECT.render(problem, request)
    assert answer.headers["content-type"] == HAL
    body = json.loads(bytes(answer.body))
    assert body["_type"] == "Error"
    assert body["errorIdentifier"].startswith(URN)
    assert body["message"].endswith(".")
    assert 400 <= answer.status_code < 600


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (errors.Forbidden(), (403, "MissingPermission")),
        (errors.VersionMismatch(), (409, "UpdateConflict")),
        (errors.InProgress(), (409, "UpdateConflict")),
        (errors.RateLimited(retry_after=1), (429, "TooManyRequests")),
        (errors.Rejected("A virus was found."), (422, "PropertyConstraintViolation")),
        (errors.TimedOut(), (408, "BadRequest")),
        (errors.Unavailable(), (503, "InternalServerError")),
        (errors.StorageFull(), (507, "InternalServerError")),
        (HTTPException(404), (404, "NotFound")),
        (HTTPException(418, "Teapot"), (418, "BadRequest")),
        (RuntimeError("secret"), (500, "InternalServerError")),
    ],
)
def test_errors_have_the_identifiers_of_upstream(
    error: Exception, expected: tuple[int, str]
) -> None:
    request = Request({"type": "http", "headers": []})
    answer = DIALECT.render(problem_of(error, DIALECT.statuses), request)
    body = json.loads(bytes(answer.body))
    assert (answer.status_code, body["errorIdentifier"]) == (expected[0], URN + expected[1])
    assert body["message"].endswith(".")
    assert "secret" not in body["message"]


@pytest.mark.parametrize(
    "path",
    [
        "/api/v3/nowhere",
        "/api/v3/attachments/1/nowhere",
        "/api/v3/attachments/1/2/3",
        "/api/v3/work_packages/1/wiki",
        "/api/v3/attachments/..%2f..%2fusers%2fme",
        "/api/v3/attachments/1;a=b",
    ],
)
async def test_an_unknown_path_is_not_found(ann: httpx.AsyncClient, path: str) -> None:
    assert refusal(await ann.get(path)) == NOT_FOUND


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/api/v3/attachments", "POST"),
        ("PATCH", "/api/v3/attachments/1", "DELETE, GET, HEAD"),
        ("PUT", "/api/v3/attachments/1", "DELETE, GET, HEAD"),
        ("DELETE", "/api/v3/work_packages/1", "GET, HEAD, PATCH"),
        ("POST", "/api/v3", "GET, HEAD"),
        ("EVIL", "/api/v3/users/me", "GET, HEAD"),
        ("TRACE", "/api/v3/configuration", "GET, HEAD"),
    ],
)
async def test_a_method_that_is_not_spoken_names_those_that_are(
    ann: httpx.AsyncClient, method: str, path: str, allowed: str
) -> None:
    answer = await ann.request(method, path)
    assert refusal(answer) == (405, *NOT_FOUND[1:])
    assert answer.headers["allow"] == allowed


async def test_what_nobody_foresaw_tells_nothing_of_the_inside(
    ann: httpx.AsyncClient, house: Installation
) -> None:
    with mock.patch.object(house.services.downloads, "find", side_effect=RuntimeError("secret")):
        answer = await ann.get("/api/v3/attachments/1")
    expected = (500, "InternalServerError", "An internal error has occurred.", None)
    assert refusal(answer) == expected
    assert "detail" not in answer.json()
