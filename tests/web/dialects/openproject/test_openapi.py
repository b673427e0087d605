"""The document tells of every route what it takes and what it may answer."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

UPLOAD = (200, {400, 401, 404, 406, 415, 422})
CONTAINERS = "work_packages wiki_pages posts activities documents meetings".split()
ROUTES = {
    ("get", ""): (200, {401}),
    ("get", "/configuration"): (200, {401}),
    ("get", "/users/me"): (200, {401}),
    ("get", "/users/{id}"): (200, {401, 404}),
    ("get", "/projects"): (200, {401}),
    ("get", "/projects/{id}"): (200, {401, 404}),
    ("post", "/projects/{id}/work_packages"): (201, {400, 401, 404, 406, 415, 422}),
    ("post", "/work_packages"): (201, {400, 401, 406, 415, 422}),
    ("get", "/work_packages/{id}"): (200, {401, 404}),
    ("patch", "/work_packages/{id}"): (200, {400, 401, 404, 406, 409, 415, 422}),
    ("post", "/attachments"): (200, {400, 401, 406, 415, 422}),
    ("post", "/attachments/prepare"): (201, {400, 401, 406, 415, 422}),
    ("get", "/attachments/{id}"): (200, {401, 404}),
    ("get", "/attachments/{id}/uploaded"): (200, {401, 404, 422}),
    ("delete", "/attachments/{id}"): (204, {401, 403, 404}),
    ("get", "/attachments/{id}/content"): (200, {401, 404}),
    ("get", "/attachments/{id}/download"): (200, {401, 404}),
    **{("get", f"/{kind}/{{id}}/attachments"): (200, {401, 404}) for kind in CONTAINERS},
    **{("post", f"/{kind}/{{id}}/attachments"): UPLOAD for kind in CONTAINERS},
    **{
        ("post", f"/{kind}/{{id}}/attachments/prepare"): (201, {400, 401, 404, 406, 415, 422})
        for kind in CONTAINERS
    },
    **{
        ("get", f"/{kind}/{{id}}/attachments/{{attachment_id}}/uploaded"): (200, {401, 404, 422})
        for kind in CONTAINERS
    },
}
HAL = "application/hal+json"


@pytest.fixture
async def document(ann: httpx.AsyncClient) -> dict[str, Any]:
    found: dict[str, Any] = (await ann.get("/-/openapi.json")).json()
    return found


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method, path.removeprefix("/api/v3")): operation
        for path, methods in document["paths"].items()
        if path.startswith("/api/v3")
        for method, operation in methods.items()
    }


def test_the_document_has_every_route_once(document: dict[str, Any]) -> None:
    found = operations(document)
    assert set(found) == set(ROUTES)
    ids = [operation["operationId"] for operation in found.values()]
    assert len(set(ids)) == len(ids)


def test_every_route_tells_its_answers(document: dict[str, Any]) -> None:
    for route, (success, failures) in ROUTES.items():
        operation = operations(document)[route]
        answers = operation["responses"]
        told = {int(status) for status in answers if status != "default"}
        assert told - {201, 206, 304, 416} == {success, *failures} - {201}, route
        assert operation["summary"]
        assert operation["security"] == [{"API key": []}, {"Access token": []}]
        for status in ("default", *failures - {406}):
            schema = answers[str(status)]["content"][HAL]["schema"]
            assert schema == {"$ref": "#/components/schemas/Error"}, (route, status)
        if success < 204:
            ((media_type, content),) = answers[str(success)]["content"].items()
            assert media_type in (HAL, "application/octet-stream")
            assert content["schema"]


def test_every_body_is_described_and_declared_to_nobody(document: dict[str, Any]) -> None:
    for (method, path), operation in operations(document).items():
        assert ("requestBody" in operation) == (method in ("post", "patch")), path
    content = operations(document)["post", "/attachments"]["requestBody"]["content"]
    assert set(content["multipart/form-data"]["schema"]["properties"]) == {"metadata", "file"}


def test_nothing_tells_of_the_frameworks_own_errors(document: dict[str, Any]) -> None:
    assert "HTTPValidationError" not in document["components"]["schemas"]
