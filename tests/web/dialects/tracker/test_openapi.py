from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.kit import Installation
from tests.web.dialects.tracker.asks import refusal

ROUTES = {
    ("post", "/attachments"): 201,
    ("get", "/attachments"): 200,
    ("get", "/attachments/{id}"): 200,
    ("delete", "/attachments/{id}"): 204,
    ("get", "/attachments/{id}/{name}"): 200,
    ("get", "/thumbnails/{id}"): 200,
    ("post", "/issues"): 201,
    ("post", "/issues/_findByUnique"): 200,
    ("get", "/issues/{key}"): 200,
    ("patch", "/issues/{key}"): 200,
    ("get", "/issues/{key}/attachments"): 200,
    ("post", "/issues/{key}/attachments"): 201,
    ("post", "/issues/{key}/attachments/_import"): 200,
    ("get", "/issues/{key}/attachments/{id}"): 200,
    ("delete", "/issues/{key}/attachments/{id}"): 204,
    ("get", "/issues/{key}/attachments/{id}/{name}"): 200,
    ("get", "/issues/{key}/thumbnails/{id}"): 200,
    ("post", "/issues/{key}/comments"): 201,
    ("get", "/issues/{key}/comments"): 200,
    ("get", "/issues/{key}/comments/{id}"): 200,
    ("patch", "/issues/{key}/comments/{id}"): 200,
    ("delete", "/issues/{key}/comments/{id}"): 204,
    ("get", "/entities/{kind}/{id}"): 200,
    ("get", "/entities/{kind}/{id}/attachments"): 200,
    ("post", "/entities/{kind}/{id}/attachments/{file_id}"): 200,
    ("get", "/entities/{kind}/{id}/attachments/{file_id}"): 200,
    ("delete", "/entities/{kind}/{id}/attachments/{file_id}"): 204,
    ("get", "/myself"): 200,
    ("get", "/users/{id}"): 200,
    ("get", "/fields"): 200,
}
PLACES = {"{kind}": "project", "{key}": "TREK-1", "{id}": "1", "{file_id}": "1", "{name}": "a.txt"}


@pytest.fixture
async def document(ann: httpx.AsyncClient) -> dict[str, Any]:
    found: dict[str, Any] = (await ann.get("/-/openapi.json")).json()
    return found


def test_the_document_has_every_route_once_in_each_version(document: dict[str, Any]) -> None:
    found = {
        (method, path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if path.startswith(("/v2", "/v3"))
    }
    assert set(found) == {
        (method, version + path) for method, path in ROUTES for version in ("/v2", "/v3")
    }
    ids = [operation["operationId"] for operation in found.values()]
    assert len(set(ids)) == len(ids)


def test_every_route_tells_its_answers_and_what_it_takes(document: dict[str, Any]) -> None:
    for (method, path), success in ROUTES.items():
        operation = document["paths"]["/v2" + path][method]
        assert operation["summary"]
        assert operation["security"]
        headers = {each["name"] for each in operation["parameters"] if each["in"] == "header"}
        assert headers == {"x-org-id", "x-cloud-org-id"}
        assert next(each for each in operation["responses"] if each[0] == "2") == str(success)
        for status, answer in operation["responses"].items():
            if status.startswith("4") or status == "default":
                (schema,) = [each["schema"] for each in answer["content"].values()]
                assert schema == {"$ref": "#/components/schemas/Errors"}, (method, path, status)
        if success in (200, 201):
            (content,) = operation["responses"][str(success)]["content"].values()
            assert content["schema"]
        takes_a_body = method in ("post", "patch") and "{file_id}" not in path
        takes_a_body = takes_a_body and "_findByUnique" not in path
        assert ("requestBody" in operation) is takes_a_body, (method, path)
    assert "HTTPValidationError" not in str(document)


def test_shapes_are_described_by_the_keys_that_are_sent(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert list(schemas["Attachment"]["properties"]) == [
        *("self", "id", "name", "content", "thumbnail", "createdBy", "createdAt", "mimetype"),
        *("size", "metadata", "commentId"),
    ]
    assert set(schemas["Errors"]["properties"]) == {"errors", "errorMessages", "statusCode"}


async def test_every_route_is_there_in_both_versions_with_and_without_a_slash(
    house: Installation,
) -> None:
    async with house.anonymous() as nobody:
        for method, template in ROUTES:
            path = template
            for name, value in PLACES.items():
                path = path.replace(name, value)
            for version in ("/v2", "/v3"):
                for slash in ("", "/"):
                    answer = await nobody.request(method, version + path + slash)
                    assert refusal(answer) == (401, "Authorization required."), path
                    assert b'"detail"' not in answer.content


@pytest.mark.parametrize("version", ["/v2", "/v3"])
async def test_what_is_no_route_is_refused_in_trackers_words(
    ann: httpx.AsyncClient, version: str
) -> None:
    for path in ("", "/", "/nowhere", "/attachments/1/2/3", "//attachments", "/issues/_search/x/y"):
        answer = await ann.get(version + path)
        assert refusal(answer) == (404, "Not found."), path
    for method, path, allowed in (
        ("PUT", "/attachments", "GET, HEAD, POST"),
        ("POST", "/issues/TREK-1", "GET, HEAD, PATCH"),
        ("POST", "/issues/_search", "GET, HEAD, PATCH"),
        ("DELETE", "/myself/", "GET, HEAD"),
    ):
        answer = await ann.request(method, version + path)
        assert refusal(answer) == (405, "Method not allowed.")
        assert answer.headers["allow"] == allowed
    assert (await ann.head(version + "/myself")).status_code == 200
