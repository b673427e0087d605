"""What holds for all of Campr: who may ask, how errors look, what OpenAPI tells."""

from __future__ import annotations

import random

import httpx
import pytest

from coatcheck.domain import errors
from coatcheck.web.dialects.campr import DIALECT
from coatcheck.web.dialects.campr.rendering import render
from coatcheck.web.problem import problem_of
from tests.kit import Installation
from tests.web.dialects.campr.speaking import NOWHERE, STATUS, call, error_of

ID = "0" * 32
ROUTES = [
    ("GET", "/attachments"),
    ("HEAD", "/attachments"),
    ("POST", "/attachments"),
    ("GET", f"/attachments/{NOWHERE}"),
    ("HEAD", f"/attachments/{NOWHERE}"),
    ("DELETE", f"/attachments/{NOWHERE}"),
    ("GET", "/posts"),
    ("HEAD", "/posts"),
    ("POST", "/posts"),
    ("GET", f"/posts/{ID}"),
    ("HEAD", f"/posts/{ID}"),
    ("PATCH", f"/posts/{ID}"),
    ("DELETE", f"/posts/{ID}"),
    ("GET", f"/post_versions/{ID}"),
    ("HEAD", f"/post_versions/{ID}"),
    ("GET", "/server-info"),
    ("HEAD", "/server-info"),
    ("GET", "/server_info"),
    ("HEAD", "/server_info"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_without_a_key_nothing_is_answered_and_no_body_is_read(
    house: Installation, method: str, path: str
) -> None:
    body = [b"x" * 65_536] * 160
    for headers in ([("Content-Length", str(10 * 2**20))], [("Transfer-Encoding", "chunked")]):
        answer = await call(house.app, method, path, headers, body)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.taken == 0
        if method == "HEAD":
            assert answer.content == b""
        else:
            assert error_of(answer) == (401, "unauthorized")
    assert house.blobs() == []


async def test_only_a_bearer_key_that_is_right_opens(house: Installation) -> None:
    key = await house.key()
    for given in (
        [],
        [""],
        ["Bearer"],
        ["Bearer "],
        [f"Bearer {key[:-1]}"],
        [f"Bearer {key[:-1]}{'a' if key[-1] != 'a' else 'b'}"],
        [f"Bearer {key} extra"],
        [f"Bearer {key}", f"Bearer {key}"],
        ["Bearer " + "x" * 100_000],
        ["Bearer ké"],
        [f"OAuth {key}"],
        [f"Basic {key}"],
        [key],
    ):
        headers = [("Authorization", value) for value in given]
        answer = await call(house.app, "GET", "/attachments", headers)
        assert error_of(answer) == (401, "unauthorized"), given
    for scheme in ("Bearer", "bearer", "BEARER"):
        headers = [("Authorization", f"{scheme} {key}")]
        assert (await call(house.app, "GET", "/attachments", headers)).status_code == 200


async def test_a_revoked_key_is_none(house: Installation, ann: httpx.AsyncClient) -> None:
    assert (await ann.get("/attachments")).status_code == 200
    (record,) = await house.services.keys.all()
    await house.services.keys.revoke(record.id)
    assert error_of(await ann.get("/attachments")) == (401, "unauthorized")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/nowhere",
        "//attachments",
        "/attachments/",
        "/attachments/.",
        "/posts/",
        "/attachments;jsessionid=1",
        "/server-info/",
        "/batch",
        "/oauth_token",
        "/v4/x",
    ],
)
async def test_an_unknown_path_is_not_found_in_camprs_words(house: Installation, path: str) -> None:
    headers = [("Authorization", f"Bearer {await house.key()}"), ("Accept", "text/html")]
    for method in ("GET", "POST", "DELETE"):
        answer = await call(house.app, method, path, headers)
        assert error_of(answer)[0] in (404, 405)
        assert answer.headers["content-type"] == "application/json"
    assert error_of(await call(house.app, "GET", path, headers)) == (404, "not_found")
    head = await call(house.app, "HEAD", path, headers)
    assert (head.status_code, head.content) == (404, b"")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/attachments"),
        ("PATCH", f"/attachments/{NOWHERE}"),
        ("POST", f"/posts/{ID}"),
        ("POST", "/server-info"),
    ],
)
async def test_a_method_that_is_not_spoken_is_refused_in_camprs_words(
    ann: httpx.AsyncClient, method: str, path: str
) -> None:
    answer = await ann.request(method, path)
    assert error_of(answer) == (405, "method_not_allowed")
    assert answer.headers["allow"]


async def test_every_occurrence_of_an_error_has_an_id_of_its_own(ann: httpx.AsyncClient) -> None:
    ids = {(await ann.get("/nowhere")).json()["errors"][0]["id"] for _ in range(5)}
    assert len(ids) == 5


def all_errors(kind: type[errors.CoatcheckError]) -> list[type[errors.CoatcheckError]]:
    return [kind, *(each for child in kind.__subclasses__() for each in all_errors(child))]


@pytest.mark.parametrize("kind", all_errors(errors.CoatcheckError))
async def test_every_error_has_camprs_words(
    house: Installation,
    ann: httpx.AsyncClient,
    kind: type[errors.CoatcheckError],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fails(*_: object, **__: object) -> None:
        raise kind("Why.", size=1, limit=1, retry_after=3)

    monkeypatch.setattr(type(house.services.listing), "detached", fails)
    answer = await ann.get("/attachments")
    status, code = error_of(answer)
    assert status == problem_of(kind(size=1), DIALECT.statuses).status
    assert code == code.lower().replace(" ", "_")
    assert (code == "internal_error") == (status == 500)
    assert DIALECT.render is render


async def test_what_nobody_expected_tells_nothing_of_the_inside(
    house: Installation, ann: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object, **__: object) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr(type(house.services.listing), "detached", fails)
    answer = await ann.get("/attachments")
    assert error_of(answer) == (500, "internal_error")
    assert "secret" not in answer.text
    assert (await ann.head("/attachments")).content == b""


async def test_openapi_tells_of_every_route_with_its_body_and_its_errors(
    ann: httpx.AsyncClient,
) -> None:
    document = (await ann.get("/-/openapi.json")).json()
    told = {
        (method.upper(), path)
        for path, methods in document["paths"].items()
        if not path.startswith("/-/")
        for method in methods
    }
    assert told == {
        (method, path.replace(NOWHERE, "{digest}").replace(ID, "{id}")) for method, path in ROUTES
    }
    for path, methods in document["paths"].items():
        for method, route in methods.items():
            if path.startswith("/-/"):
                continue
            assert route["security"] == [{"bearer": []}]
            assert ("requestBody" in route) == (method in ("post", "patch"))
            assert "422" not in route["responses"]
            for status, answer in route["responses"].items():
                if status == "default" or status >= "400":
                    schema = answer["content"]["application/json"]["schema"]
                    assert schema == {"$ref": "#/components/schemas/Errors"}
    shapes = document["components"]["schemas"]
    assert {"OneAttachment", "ManyAttachments", "OnePost", "ServerInfo"} <= shapes.keys()
    draft = document["paths"]["/posts"]["post"]["requestBody"]["content"]["application/json"]
    assert "$ref" not in str(draft)
    assert set(draft["schema"]["required"]) == {"type", "content"}


async def test_whatever_is_sent_the_answer_is_camprs(house: Installation) -> None:
    chance = random.Random(4)
    key = await house.key()
    paths = [path for _, path in ROUTES] + ["/", "/x", "/attachments/x", "/posts/x"]
    queries = ["", "?limit=0", "?page=x", "?limit=%00", "?version=%ff", "?post=x", "?types=%0a"]
    fields = [
        ("Content-Range", "x"),
        ("Content-Range", "bytes 0-0/1"),
        ("Client-Request-ID", "1"),
        ("Client-Request-ID", "\x01"),
        ("Content-Length", "-1"),
        ("Content-Length", "x"),
        ("Content-Length", "1"),
        ("Transfer-Encoding", "chunked"),
        ("Content-Type", "multipart/form-data"),
        ("Content-Disposition", "x;;=;"),
        ("Content-Digest", "sha-256=:x:"),
        ("Range", "bytes=5-1"),
        ("If-Match", "*"),
        ("Authorization", "x"),
        ("Host", "<>\x7f"),
    ]
    bodies = [[], [b""], [b"x"], [b"{"], [b'{"type": "%s", "content": {}}' % STATUS.encode()]]
    for _ in range(400):
        headers = [("Authorization", f"Bearer {key}")] * chance.choice([0, 1, 1, 1])
        headers += chance.sample(fields, chance.randrange(4))
        answer = await call(
            house.app,
            chance.choice(["GET", "HEAD", "POST", "PATCH", "DELETE", "PUT", "OPTIONS", "BREW"]),
            chance.choice(paths) + chance.choice(queries),
            headers,
            chance.choice(bodies),
            hang_up=chance.random() < 0.2,
        )
        assert b'{"detail"' not in answer.content
        assert answer.status_code < 500
        assert answer.headers["rate-limit-limit"]
        if answer.status_code >= 400 and answer.content:
            error_of(answer)
