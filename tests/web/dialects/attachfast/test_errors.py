from __future__ import annotations

import json

import httpx
import pytest
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request

from coatcheck.domain import errors as domain
from coatcheck.web.dialects.attachfast import DIALECT
from coatcheck.web.problem import problem_of
from tests.web.dialects.attachfast.asks import errors, uploaded


def every_error(
    kind: type[domain.CoatcheckError] = domain.CoatcheckError,
) -> list[type[domain.CoatcheckError]]:
    return [kind, *(each for child in kind.__subclasses__() for each in every_error(child))]


def said(error: Exception, path: str = "/api/files") -> tuple[int, list[str]]:
    request = Request({"type": "http", "method": "GET", "path": path, "headers": []})
    answer = DIALECT.render(problem_of(error, DIALECT.statuses), request)
    body = json.loads(bytes(answer.body))
    assert list(body) == ["errors"]
    return answer.status_code, body["errors"]


@pytest.mark.parametrize("kind", every_error())
def test_every_error_has_words(kind: type[domain.CoatcheckError]) -> None:
    error = kind(size=5) if kind is domain.RangeNotSatisfiable else kind()
    status, messages = said(error)
    assert 400 <= status < 600
    assert len(messages) == 1
    assert messages[0]
    assert not messages[0].endswith(".")


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (domain.NotFound(), (404, ["Record not found"])),
        (domain.Gone(), (404, ["Record not found"])),
        (domain.TooLarge(limit=5), (422, ["File is too large"])),
        (domain.TooLarge(limit=5, field="folder"), (422, ["Folder is invalid"])),
        (domain.QuotaExceeded(), (507, ["Quota exceeded"])),
        (domain.Unavailable("Busy.", retry_after=1), (503, ["Busy"])),
        (ValueError("a secret"), (500, ["Internal server error"])),
        (HTTPException(404), (404, ["Not found"])),
        (HTTPException(405), (405, ["Method not allowed"])),
        (RequestValidationError([]), (422, ["The request is not valid"])),
        (domain.TimedOut(), (408, ["The request took too long to arrive"])),
    ],
)
def test_an_error_is_told_in_the_words_of_the_api(
    error: Exception, answer: tuple[int, list[str]]
) -> None:
    assert said(error) == answer


@pytest.mark.parametrize("path", ["/api/files/1", "/api/files/", "/api/folders/x/y", "/f/x"])
def test_below_a_collection_everything_unknown_is_a_record(path: str) -> None:
    assert said(HTTPException(404), path) == (404, ["Record not found"])


@pytest.mark.parametrize(
    "path",
    ["/api", "/api/", "/api/nothing", "/api/file", "/api//files", "/api/large_files/1", "/f"],
)
async def test_an_unknown_endpoint_is_not_found(site: httpx.AsyncClient, path: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        assert errors(await site.request(method, path)) == (404, ["Not found"])


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/api/files", "GET, HEAD, POST"),
        ("DELETE", "/api/files", "GET, HEAD, POST"),
        ("POST", "/api/files/1", "DELETE, GET, HEAD, PATCH"),
        ("PUT", "/api/files/abc", "DELETE, GET, HEAD, PATCH"),
        ("GET", "/api/large_files", "POST"),
        ("PATCH", "/api/folders", "GET, HEAD, POST"),
        ("PUT", "/api/folders/1", "DELETE, GET, HEAD, PATCH"),
        ("POST", "/f/x/y", "GET, HEAD"),
    ],
)
async def test_another_method_is_told_which_there_are(
    site: httpx.AsyncClient, method: str, path: str, allowed: str
) -> None:
    answer = await site.request(method, path)
    assert errors(answer) == (405, ["Method not allowed"])
    assert answer.headers["allow"] == allowed


async def test_whatever_is_sent_no_answer_is_the_frameworks(site: httpx.AsyncClient) -> None:
    await uploaded(site, folder="a/b")
    bodies = [b"", b"{", b"null", b"[]", b'{"site_file":1}', b"\xff", b"a=b"]
    types = [None, "application/json", "multipart/form-data", "text/plain", "a/b/c", "x" * 10_000]
    paths = [
        "files",
        "files/1",
        "files/x",
        "large_files",
        "folders",
        "folders/1",
        "folders/tree",
        "x",
    ]
    for path in paths:
        for method in ("GET", "POST", "PUT", "PATCH", "OPTIONS", "TRACE"):
            for body, kind in zip(bodies, [*types, None], strict=True):
                headers = {"Accept": "text/html"} | ({"Content-Type": kind} if kind else {})
                answer = await site.request(
                    method, f"/api/{path}?page=1&page=2", content=body, headers=headers
                )
                assert answer.status_code < 500, (method, path, body, kind, answer.text)
                assert b'"detail"' not in answer.content
                if answer.status_code >= 400:
                    assert set(answer.json()) == {"errors"}


async def test_a_very_long_query_is_no_failure(site: httpx.AsyncClient) -> None:
    for query in ("limit[]=1", "x=%00", "x=%ff", "x=" + "y" * 50_000):
        assert (await site.get(f"/api/files?{query}")).status_code == 200
