from __future__ import annotations

from typing import Any

import httpx
import pytest

ROUTES = {
    ("get", "/api/files"): (200, {401}),
    ("post", "/api/files"): (201, {400, 401, 422, 507}),
    ("get", "/api/files/{id}"): (200, {401, 404}),
    ("patch", "/api/files/{id}"): (200, {400, 401, 404, 422}),
    ("delete", "/api/files/{id}"): (204, {401, 404}),
    ("post", "/api/large_files"): (202, {400, 401, 422, 500, 507}),
    ("get", "/api/folders"): (200, {401}),
    ("post", "/api/folders"): (201, {400, 401, 422}),
    ("get", "/api/folders/tree"): (200, {401}),
    ("get", "/api/folders/{id}"): (200, {401, 404}),
    ("patch", "/api/folders/{id}"): (200, {400, 401, 404, 422}),
    ("delete", "/api/folders/{id}"): (204, {401, 404, 422}),
    ("get", "/f/{capability}/{filename}"): (200, {404}),
}


@pytest.fixture
async def document(site: httpx.AsyncClient) -> dict[str, Any]:
    answer = await site.get("/-/openapi.json")
    found: dict[str, Any] = answer.json()
    return found


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method, path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if path.startswith(("/api/", "/f/"))
    }


def test_the_document_has_every_route_once(document: dict[str, Any]) -> None:
    found = operations(document)
    assert set(found) == set(ROUTES)
    ids = [operation["operationId"] for operation in found.values()]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("route", ROUTES)
def test_every_route_tells_its_answers(document: dict[str, Any], route: tuple[str, str]) -> None:
    operation = operations(document)[route]
    success, failures = ROUTES[route]
    assert operation["summary"]
    for status in failures:
        schema = operation["responses"][str(status)]["content"]["application/json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/Errors"}
    answer = operation["responses"][str(success)]
    if success != 204:
        (content,) = answer["content"].values()
        assert content["schema"]
    else:
        assert "content" not in answer
    assert "HTTPValidationError" not in str(operation)


@pytest.mark.parametrize("route", [route for route in ROUTES if route[0] in {"post", "patch"}])
def test_every_route_with_a_body_tells_it(document: dict[str, Any], route: tuple[str, str]) -> None:
    body = operations(document)[route]["requestBody"]
    assert body["required"]
    (schema,) = (content["schema"] for content in body["content"].values())
    assert schema["properties"]
    assert set(schema["required"]) <= set(schema["properties"])


def test_every_route_of_the_api_asks_for_the_key(document: dict[str, Any]) -> None:
    for (_, path), operation in operations(document).items():
        assert bool(operation.get("security")) == path.startswith("/api/")


def test_ids_and_pages_are_told_as_integers(document: dict[str, Any]) -> None:
    (parameter,) = operations(document)["get", "/api/files/{id}"]["parameters"]
    assert parameter["schema"]["type"] == "integer"
    names = [each["name"] for each in operations(document)["get", "/api/folders"]["parameters"]]
    assert sorted(names) == ["page", "parent_id", "per_page", "root"]
