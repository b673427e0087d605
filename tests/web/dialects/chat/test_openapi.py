"""The OpenAPI document, and what is no route of it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.web.dialects.chat.speaking import KEYS, refusal

PAGES = {"limit", "starting_after", "ending_before"}
FIELDS = ["application/json", "application/x-www-form-urlencoded"]

#: (status, parameters beside the path's, content types of the body)
ROUTES: dict[tuple[str, str], tuple[int, set[str], list[str]]] = {
    ("get", "/v1/attachments"): (200, PAGES | {"conversation_id"}, []),
    ("post", "/v1/attachments"): (201, set(), ["multipart/form-data"]),
    ("get", "/v1/attachments/{id}"): (200, set(), []),
    ("put", "/v1/attachments/{id}"): (200, set(), FIELDS),
    ("delete", "/v1/attachments/{id}"): (204, set(), []),
    ("get", "/v1/messages"): (200, PAGES | {"conversation_id"}, []),
    ("post", "/v1/messages"): (201, {"Idempotency-Key"}, FIELDS),
    ("get", "/v1/messages/{id}"): (200, set(), []),
    ("put", "/v1/messages/{id}"): (200, set(), FIELDS),
    ("delete", "/v1/messages/{id}"): (204, set(), []),
    ("get", "/v1/conversations"): (200, PAGES, []),
    ("post", "/v1/conversations"): (201, set(), []),
    ("get", "/v1/conversations/{id}"): (200, set(), []),
    ("get", "/assets/attachments/{id}/{filename}"): (200, set(), []),
}


@pytest.fixture
async def document(ann: httpx.AsyncClient) -> dict[str, Any]:
    found: dict[str, Any] = (await ann.get("/-/openapi.json")).json()
    return found


def test_the_document_has_every_route_with_what_it_takes_and_answers(
    document: dict[str, Any],
) -> None:
    found = {
        (method, path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if path.startswith(("/v1", "/assets"))
    }
    assert set(found) == set(ROUTES)
    assert len({each["operationId"] for each in found.values()}) == len(found)
    for (method, path), (success, parameters, bodies) in ROUTES.items():
        operation = found[method, path]
        name = (method, path)
        assert operation["summary"], name
        assert bool(operation.get("security")) is path.startswith("/v1"), name
        given = operation.get("parameters", [])
        assert {each["name"] for each in given if each["in"] != "path"} == parameters, name
        in_path = {each["name"] for each in given if each["in"] == "path"}
        assert in_path == {each for each in ("id", "filename") if f"{{{each}}}" in path}, name
        assert list(operation.get("requestBody", {}).get("content", {})) == bodies, name
        answers = operation["responses"]
        assert next(each for each in answers if each[0] == "2") == str(success), name
        assert ("content" in answers[str(success)]) is (success != 204), name
        if path.startswith("/v1"):
            assert {"401", "429"} <= set(answers), name
        if "{id}" in path:
            assert "404" in answers, name
        for status, answer in answers.items():
            if status[0] in "45d" and status != "412":
                (content,) = answer["content"].values()
                assert content["schema"] == {"$ref": "#/components/schemas/Error"}, name
    assert "HTTPValidationError" not in str(document)


def test_shapes_are_described_by_the_keys_that_are_sent(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert list(schemas["Attachment"]["properties"]) == KEYS
    assert list(schemas["Error"]["properties"]) == ["type", "message", "documentation_url"]
    upload = document["paths"]["/v1/attachments"]["post"]["requestBody"]["content"]
    schema = upload["multipart/form-data"]["schema"]
    assert schema["required"] == ["file"]
    assert schema["properties"]["file"] == {"type": "string", "format": "binary"}


async def test_what_is_no_route_is_refused_in_the_same_words(ann: httpx.AsyncClient) -> None:
    answers = []
    for path in ("/v1", "/v1/", "/v1/nowhere", "/v1/attachments/", "/v1//attachments", "/v1/a/b/c"):
        answers.append(await ann.get(path))
        assert refusal(answers[-1]) == (404, "There is no such endpoint."), path
    for method, path, allowed in (
        ("PUT", "/v1/attachments", "GET, HEAD, POST"),
        ("POST", "/v1/attachments/Nc6yKKMpcxiiFxp6", "DELETE, GET, HEAD, PUT"),
        ("PATCH", "/v1/messages/Nc6yKKMpcxiiFxp6", "DELETE, GET, HEAD, PUT"),
        ("DELETE", "/v1/conversations", "GET, HEAD, POST"),
        ("DELETE", "/assets/attachments/Nc6yKKMpcxiiFxp6/a", "GET, HEAD"),
    ):
        answers.append(await ann.request(method, path))
        assert refusal(answers[-1]) == (405, "The endpoint does not have this method.")
        assert answers[-1].headers["allow"] == allowed
    for accept in ("text/html", "*/*;q=x", "x" * 10_000):
        answers.append(await ann.get("/v1/nowhere", headers={"Accept": accept}))
        refusal(answers[-1])
    assert not [each for each in answers if b'"detail"' in each.content]


async def test_an_error_points_to_a_page_that_is_there(ann: httpx.AsyncClient) -> None:
    url = (await ann.get("/v1/nowhere")).json()["documentation_url"]
    page = await ann.get(url)
    assert page.status_code == 200
    assert "openapi.json" in page.text
    tags = (await ann.get("/-/openapi.json")).json()["paths"]["/v1/attachments"]["get"]["tags"]
    assert url.endswith(f"#/{tags[0]}")


async def test_what_can_be_got_can_be_asked_for_by_head(ann: httpx.AsyncClient) -> None:
    for path in ("/v1/attachments", "/v1/messages", "/v1/conversations"):
        answer = await ann.head(path)
        assert (answer.status_code, answer.content) == (200, b"")
