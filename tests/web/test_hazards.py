"""What made real clients stumble over other servers, with every API on one server.

What one API alone has to beware of is tested with that API.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.routing import iter_route_contexts

from coatcheck.web.dialects import DIALECTS
from tests.kit import Installation, installation
from tests.web.dialects.tracker.asks import png
from tests.web.test_any_dialect_to_any import APIS, CLAIMING, NATIVE, names_of, told

#: What is put into a path in the place of a parameter: what might be there, and what no route says it takes.
LIKELY, UNLIKELY = "1", "no-such.thing"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Installation]:
    async with installation(
        tmp_path, dialects=tuple(DIALECTS), rate_limits="off", inline_max=16
    ) as house:
        yield house


@pytest.fixture
async def ann(house: Installation) -> AsyncIterator[httpx.AsyncClient]:
    async with house.client() as client:
        client.headers["X-Org-ID"] = "acme"
        yield client


def routes(house: Installation, value: str) -> list[tuple[str, str]]:
    """(method, path) of every route of every API, `value` in the place of each parameter."""
    return sorted(
        {
            (method, re.sub(r"{[^}]*}", value, route.path))
            for route in iter_route_contexts(house.app.routes)
            if route.path and not route.path.startswith("/-/")
            for method in route.methods or ()
        }
    )


def assert_it_is_in_words_of_its_api(answer: httpx.Response) -> None:
    """Of that of the longest prefix of its path; in none of them does the framework's `{"detail": …}` occur."""
    path = answer.request.url.path
    if answer.status_code == 406 and path.startswith("/api/v3"):
        assert answer.text == "Missing content-type header"  # upstream's plain words
        return
    body = answer.json()
    if path.startswith("/api/v3"):
        assert answer.headers["content-type"] == "application/hal+json; charset=utf-8", path
        assert body["_type"] == "Error"
        assert body["errorIdentifier"].startswith("urn:openproject-org:api:v3:errors:")
        assert isinstance(body["message"], str)
    elif path.startswith(("/api", "/f/")):
        assert set(body) == {"errors"}, path
        assert all(isinstance(each, str) for each in body["errors"])
    elif path.startswith(("/v1", "/assets/attachments")):
        assert set(body) == {"type", "message", "documentation_url"}, path
    elif path.startswith(("/v2", "/v3")):
        assert set(body) == {"errors", "errorMessages", "statusCode"}, path
        assert isinstance(body["errors"], dict)
        assert isinstance(body["errorMessages"], list)
        assert body["statusCode"] == answer.status_code
    elif path.startswith("/coatcheck"):
        assert answer.headers["content-type"] == "application/problem+json", path
        assert {"type", "title", "status", "detail", "code"} <= set(body)
    else:
        (error,) = body["errors"]
        assert set(error) == {"id", "code", "description"}, path


PREFIXES = {
    "/api/v3": "/api/v3/attachments",
    "/api": "/api/files",
    "/v1": "/v1/attachments",
    "/v2": "/v2/attachments",
    "/v3": "/v3/attachments",
    "/coatcheck/v1": f"{NATIVE}/attachments",
    "": "/attachments",
}


@pytest.mark.parametrize(("prefix", "collection"), PREFIXES.items())
async def test_a_path_a_method_and_a_key_that_are_wrong_are_told_in_words_of_the_api_of_the_prefix(
    house: Installation, ann: httpx.AsyncClient, prefix: str, collection: str
) -> None:
    for path in (f"{prefix}/nowhere", f"{prefix}/nowhere/1", f"{prefix}/"):
        answer = await ann.get(path)
        if answer.status_code == 200:  # OpenProject's root
            continue
        assert answer.status_code == 404, path
        assert_it_is_in_words_of_its_api(answer)
    answer = await ann.put(collection)
    assert answer.status_code == 405
    assert answer.headers["allow"]
    assert_it_is_in_words_of_its_api(answer)
    async with house.anonymous() as nobody:
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            answer = await nobody.get(collection, headers=headers)
            if prefix == "/api/v3":  # upstream has no list
                answer = await nobody.get(f"{collection}/1", headers=headers)
            assert answer.status_code == 401
            assert_it_is_in_words_of_its_api(answer)


BODIES: tuple[tuple[dict[str, str], bytes], ...] = (
    ({}, b""),
    ({"Content-Type": "application/json"}, b'{"a": ['),
    ({"Content-Type": "application/json"}, b"[]"),
    ({"Content-Type": "multipart/form-data"}, b"x"),
    ({"Content-Type": "multipart/form-data; boundary=X"}, b"--X\r\n\r\n"),
)


@pytest.mark.parametrize("value", [LIKELY, UNLIKELY])
async def test_nothing_is_ever_answered_in_words_of_the_framework(
    house: Installation, ann: httpx.AsyncClient, value: str
) -> None:
    for method, path in routes(house, value):
        for headers, body in BODIES if method in ("POST", "PUT", "PATCH") else BODIES[:2]:
            answer = await ann.request(method, path, headers=headers, content=body)
            assert answer.status_code < 500, (method, path, body, answer.text)
            assert not answer.content.startswith(b'{"detail":'), (method, path, body)
            if answer.status_code >= 400 and method != "HEAD":
                assert_it_is_in_words_of_its_api(answer)


async def test_a_slash_too_many_or_too_few_sends_nobody_elsewhere(
    house: Installation, ann: httpx.AsyncClient
) -> None:
    """curl shows an empty redirection; some command lines give up at one."""
    for method, path in routes(house, LIKELY):
        for spelled in (path.rstrip("/"), f"{path.rstrip('/')}/"):
            answer = await ann.request(method, spelled or "/")
            assert answer.status_code // 100 != 3, (method, spelled)


async def test_whatever_can_be_got_answers_head(
    house: Installation, ann: httpx.AsyncClient
) -> None:
    await APIS["attachfast"].leave(ann)
    for method, path in routes(house, LIKELY):
        if method == "GET":
            got, head = await ann.get(path), await ann.head(path)
            assert head.status_code == got.status_code, path
            assert head.content == b""
            assert head.headers.get("content-type") == got.headers.get("content-type"), path


@pytest.mark.parametrize(("prefix", "collection"), PREFIXES.items())
async def test_a_page_from_elsewhere_may_ask_any_api_and_read_what_its_headers_say(
    house: Installation, ann: httpx.AsyncClient, prefix: str, collection: str
) -> None:
    """A browser asks first, without a key; and shows a page only the headers that it is told of."""
    page = {"Origin": "https://page.example"}
    wish = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,client-request-id,x-org-id",
    }
    async with house.anonymous(headers=page) as browser:
        allowed = await browser.options(collection, headers=wish)
    assert allowed.status_code == 200, prefix
    assert allowed.headers["access-control-allow-origin"] == "*"
    assert "POST" in allowed.headers["access-control-allow-methods"]
    assert int(allowed.headers["access-control-max-age"]) >= 3600
    for path in (collection, f"{prefix}/nowhere"):
        answer = await ann.get(path, headers=page)
        assert answer.headers["access-control-allow-origin"] == "*"
        shown = {
            each.strip().lower()
            for each in answer.headers["access-control-expose-headers"].split(",")
        }
        assert {"link", "count", "location", "content-range", "etag", "x-total-count"} <= shown


async def test_a_path_that_is_sent_where_a_file_belongs_is_no_file_and_no_path(
    house: Installation, ann: httpx.AsyncClient
) -> None:
    """What curl sends where the @ was forgotten."""
    (house.settings.data_dir / "x").write_text("not to be read")
    metadata = ("metadata", (None, b'{"fileName": "x"}', "application/json"))
    for path, others in (
        ("/v2/attachments/?filename=x", []),
        ("/v1/attachments", []),
        ("/api/files", []),
        ("/api/v3/attachments", [metadata]),
        (
            "/api/large_files",
            [(name, (None, b"1")) for name in ("chunk", "total_size", "key")],
        ),
    ):
        for text in ("../x", "x", str(house.settings.data_dir / "x")):
            parts: Any = [*others, ("file", (None, text.encode()))]
            answer = await ann.post(path, files=parts)
            assert answer.status_code in (400, 422), (path, answer.text)
            assert_it_is_in_words_of_its_api(answer)
            assert "not to be read" not in answer.text
    assert house.blobs() == []
    assert (await told(await ann.get(f"{NATIVE}/attachments")))["attachments"] == []


async def test_a_client_that_sends_null_and_a_json_type_with_everything_is_served(
    ann: httpx.AsyncClient,
) -> None:
    """And queries that nobody has heard of; it reads ids as integers, and calls its part as it likes."""
    null: Any = {"content": b"null", "headers": {"Content-Type": "application/json"}}
    query = {"is_add_to_followers": "true"}
    files = {"file_data": ("a.txt", b"hello")}
    made = await told(await ann.post("/v2/attachments/", files=files, params={"filename": "a.txt"}))
    assert str(int(made["id"])) == made["id"]
    for path in (f"/v2/attachments/{made['id']}", f"/v2/attachments/{made['id']}/a.txt"):
        answer = await ann.request("GET", path, params=query, **null)
        assert answer.status_code == 200, answer.text
    issue = {"queue": "TREK", "summary": "x", "attachmentIds": [int(made["id"])]}
    await told(await ann.post("/v2/issues/", json=issue, params=query))
    listed = await ann.request("GET", "/v2/issues/TREK-1/attachments", params=query, **null)
    assert [each["id"] for each in await told(listed)] == [made["id"]]
    path = f"/v2/issues/TREK-1/attachments/{made['id']}/"
    answer = await ann.request("DELETE", path, params=query, **null)
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await ann.get("/v2/issues/TREK-1/attachments")).json() == []


def values(document: Any) -> Iterator[Any]:
    if isinstance(document, dict):
        for each in document.values():
            yield from values(each)
    elif isinstance(document, list):
        for each in document:
            yield from values(each)
    else:
        yield document


ANY_TIME = re.compile(r"\d{4}-\d\d-\d\dT")
_SECOND = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"
_TRACKERS = re.compile(_SECOND + r"\.\d{3}\+0000")
FORMS = {
    "/v2": _TRACKERS,
    "/v3": _TRACKERS,
    "/api": re.compile(_SECOND + "Z"),
    "/coatcheck": re.compile(_SECOND + r"\.\d{3}Z"),
}


async def test_times_are_in_the_one_form_and_numbers_are_whole_in_every_document(
    house: Installation, ann: httpx.AsyncClient
) -> None:
    """Strict clients parse one form of a time zone and no floating point in an id or a size."""
    await told(await ann.post("/v2/attachments", files={"file": ("a.png", png(16, 9))}))
    for claimed_by in CLAIMING:
        names = await names_of(ann, await APIS[claimed_by].leave(ann))
        claim = APIS[claimed_by].claim
        assert claim is not None
        await claim(ann, names)
    for name in APIS:
        await APIS[name].leave(ann)
    await told(await ann.post("/api/folders", json={"site_folder": {"name": "users"}}))
    comment = {"text": "x"}
    await told(await ann.post("/v2/issues/TREK-1/comments", json=comment))
    paths = {path for method, path in routes(house, LIKELY) if method == "GET"}
    for version in ("v2", "v3"):
        paths |= {
            f"/{version}/{path}"
            for path in ("issues/TREK-1", "issues/TREK-1/attachments", "issues/TREK-1/comments/1")
        }
    shown = times = 0
    for path in sorted(paths):
        answer = await ann.get(path)
        if answer.status_code != 200 or "json" not in answer.headers.get("content-type", ""):
            continue
        shown += 1
        document = json.loads(answer.text)
        assert "+00:00" not in answer.text, path
        for value in values(document):
            assert not isinstance(value, float), (path, value)
            if isinstance(value, str) and ANY_TIME.match(value):
                times += 1
                form = next((FORMS[prefix] for prefix in FORMS if path.startswith(prefix)), None)
                assert form, (path, value)  # the others tell seconds
                assert form.fullmatch(value), (path, value)
    assert shown > 30, shown
    assert times > 20, times
