"""The document tells of every route what it takes and what it may answer."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from coatcheck.web.dialects import DIALECTS
from coatcheck.web.dialects.native.kinds import KEPT
from tests.web.dialects.native.asks import ROOT

ROUTES = {
    ("post", "/attachments"): (201, {400, 401, 409, 413, 415, 422, 507}),
    ("get", "/attachments"): (200, {400, 401}),
    ("get", "/attachments/{id}"): (200, {401, 404}),
    ("patch", "/attachments/{id}"): (200, {400, 401, 404, 409, 413, 415}),
    ("delete", "/attachments/{id}"): (204, {401, 404, 409}),
    ("get", "/attachments/{id}/content"): (200, {401, 404, 416}),
    ("get", "/attachments/{id}/thumbnail"): (200, {401, 404}),
    ("post", "/uploads"): (201, {400, 401, 409, 413, 415, 422, 507}),
    ("get", "/uploads/{id}"): (200, {400, 401, 404}),
    ("put", "/uploads/{id}/parts/{number}"): (204, {400, 401, 404, 409, 415}),
    ("post", "/uploads/{id}/complete"): (200, {400, 401, 404}),
    ("delete", "/uploads/{id}"): (204, {401, 404, 409}),
    ("post", "/claims"): (200, {400, 401, 403, 404, 409, 413, 415, 422}),
    ("get", "/claims/{kind}/{id}"): (200, {401, 404}),
    ("put", "/claims/{kind}/{id}"): (200, {400, 401, 403, 404, 409, 413, 415, 422}),
    ("delete", "/claims/{kind}/{id}"): (204, {400, 401, 403, 404, 413, 415}),
    ("get", "/usage"): (200, {401}),
}


@pytest.fixture
async def operations(ann: httpx.AsyncClient) -> dict[tuple[str, str], dict[str, Any]]:
    document = (await ann.get("/-/openapi.json")).json()
    return {
        (method, path.removeprefix(ROOT)): operation
        for path, methods in document["paths"].items()
        if path.startswith("/coatcheck/")
        for method, operation in methods.items()
    }


def test_the_document_has_every_route_once(operations: dict[tuple[str, str], dict[str, Any]]):
    assert set(operations) == set(ROUTES)
    ids = [operation["operationId"] for operation in operations.values()]
    assert len(set(ids)) == len(ids)


def test_every_route_tells_its_answers(operations: dict[tuple[str, str], dict[str, Any]]):
    for route, (success, failures) in ROUTES.items():
        operation = operations[route]
        answers = operation["responses"]
        assert {int(status) for status in answers if status != "default"} - {206, 302, 304} == {
            success,
            *failures,
        }, route
        assert operation["summary"]
        assert operation["security"] == [{"Coatcheck key": []}]
        for status in ("default", *failures):
            ((media_type, content),) = answers[str(status)]["content"].items()
            assert media_type == "application/problem+json"
            assert {"type", "title", "status", "detail", "code"} <= set(
                content["schema"]["properties"]
            )
        assert success == 204 or answers[str(success)]["content"]


def test_every_body_is_described(operations: dict[tuple[str, str], dict[str, Any]]):
    for (method, path), operation in operations.items():
        takes = method in ("post", "put", "patch") or (method, path[:8]) == ("delete", "/claims/")
        takes = takes and not path.endswith("/complete")
        assert ("requestBody" in operation) == takes, path


def test_what_is_said_to_be_kept_here_is_kept_by_an_api_that_there_is() -> None:
    assert set(KEPT.values()) <= set(DIALECTS)
