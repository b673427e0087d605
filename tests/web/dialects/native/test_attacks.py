"""What no client should send, what nobody may see, and errors in one form."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.kit import Installation
from tests.web.dialects.campr.speaking import call, in_pieces
from tests.web.dialects.native.asks import (
    ATTACHMENTS,
    CLAIMS,
    POST_1,
    ROOT,
    claim,
    leave,
    problem,
    sha256,
    told,
)

ROUTES = [
    ("POST", ATTACHMENTS),
    ("GET", ATTACHMENTS),
    ("GET", f"{ATTACHMENTS}/no such form"),
    ("GET", f"{ATTACHMENTS}/1/content"),
    ("GET", f"{ATTACHMENTS}/1/thumbnail"),
    ("PATCH", f"{ATTACHMENTS}/1"),
    ("DELETE", f"{ATTACHMENTS}/1"),
    ("POST", CLAIMS),
    ("GET", f"{CLAIMS}/po st/1"),
    ("PUT", POST_1),
    ("DELETE", POST_1),
    ("GET", f"{ROOT}/usage"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("key", [None, "Bearer nonsense", "Basic YXBpa2V5Og=="])
async def test_nobody_is_answered_without_a_key_and_no_byte_is_taken(
    method: str, path: str, key: str | None, house: Installation
):
    headers = [] if key is None else [("Authorization", key)]
    answer = await call(house.app, method, path, headers, [b"x" * 1000] * 5)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.headers["content-type"] == "application/problem+json"
    assert b'"detail":"' in answer.content
    assert answer.taken == 0


async def test_another_tenants_things_look_as_if_there_were_none(
    ann: httpx.AsyncClient, eve: httpx.AsyncClient
):
    made = await leave(ann, b"secret", Content_Type="image/png")
    told(await claim(ann, made["id"]))
    forms = [made["id"], made["public_id"], sha256(b"secret")]
    nothing = [99999, "A" * 16, sha256(b"nothing")]
    for form, unknown in zip(forms, nothing, strict=True):
        for method, tail, body in (
            ("GET", "", None),
            ("GET", "/content", None),
            ("GET", "/thumbnail", None),
            ("PATCH", "", {"name": "x"}),
            ("DELETE", "", None),
        ):
            foreign = await eve.request(method, f"{ATTACHMENTS}/{form}{tail}", json=body)
            absent = await eve.request(method, f"{ATTACHMENTS}/{unknown}{tail}", json=body)
            assert problem(foreign) == (404, "not_found")
            assert foreign.content == absent.content
    for method, body in (("GET", None), ("DELETE", None)):
        foreign = await eve.request(method, POST_1, json=body)
        absent = await eve.request(method, f"{CLAIMS}/post/never", json=body)
        assert (foreign.status_code, foreign.content) == (404, absent.content)
    refused = await claim(eve, made["id"])
    absent = await claim(eve, 99999)
    assert refused.text.replace(str(made["id"]), "99999") == absent.text
    for query in ({"container": "post:1"}, {"owner": "ann"}, {"state": "claimed"}):
        assert told(await eve.get(ATTACHMENTS, params=query))["attachments"] == []
    assert told(await ann.get(f"{ATTACHMENTS}/{made['id']}"))["name"] is None


async def test_detached_is_its_owners_alone_and_names_are_changed_by_nobody_else(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient
):
    url = f"{ATTACHMENTS}/{(made := await leave(ann, b'x'))['id']}"
    assert problem(await bob.get(url)) == (404, "not_found")
    told(await claim(ann, made["id"]))
    assert (await bob.get(url)).status_code == 200
    assert problem(await bob.patch(url, json={"name": "mine"})) == (404, "not_found")


@pytest.mark.parametrize(
    "id",
    [
        *"0 -1 1_0 +1 %201 1.0 １ 1e3 0x1 99999999999999999999 1%00 1;2 %ff".split(),
        *"sha256: md5:00 sha256:xyz token:a token:".split(),
        "1" * 5000,
        "a" * 17,
    ],
)
async def test_what_nothing_is_called_is_not_found(id: str, ann: httpx.AsyncClient):
    assert problem(await ann.get(f"{ATTACHMENTS}/{id}")) == (404, "not_found")
    assert problem(await ann.get(f"{ATTACHMENTS}/{id}/content")) == (404, "not_found")


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=-1",
        "limit=abc",
        "limit=1&limit=2",
        "cursor=x",
        "cursor=" + "A" * 32,
        "state=purged",
        "container=post",
        "container=:1",
        "owner=%00",
        "token=",
        "token=..%00",
    ],
)
async def test_a_query_that_makes_no_sense_is_refused(query: str, ann: httpx.AsyncClient):
    assert problem(await ann.get(f"{ATTACHMENTS}?{query}"))[0] == 400


async def test_a_cursor_of_somebody_else_is_refused(ann: httpx.AsyncClient, eve: httpx.AsyncClient):
    for n in range(2):
        await leave(ann, b"%d" % n)
    cursor = told(await ann.get(ATTACHMENTS, params={"limit": 1}))["next"]
    assert problem(await eve.get(ATTACHMENTS, params={"cursor": cursor}))[0] == 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{x}",
        b"null",
        b"\xef\xbb\xbf{}",
        b"\xff\xfe",
        b"{} {}",
        b"[" * 100_000,
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": NaN}',
        b'{"a": 1e400}',
        b'{"container": {"kind": "post", "id": "\\ud800"}, "attachments": [1]}',
    ],
)
@pytest.mark.parametrize(("method", "path"), [("POST", CLAIMS), ("PUT", POST_1)])
async def test_what_is_no_json_is_refused(
    method: str, path: str, body: bytes, ann: httpx.AsyncClient
):
    assert problem(await ann.request(method, path, content=body))[0] == 400


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "multipart/form-data; boundary=x"}, 415),
        ({"Content-Encoding": "gzip"}, 415),
        ({"Content-Digest": "sha-256=:x:"}, 400),
        ({"Content-Disposition": "attachment; filename=.."}, 400),
        ({"Content-Disposition": 'attachment; filename="a"; filename="b"'}, 400),
        ({"Idempotency-Key": "x" * 256}, 400),
        ({"Idempotency-Key": "a b"}, 400),
    ],
)
async def test_a_head_that_makes_no_sense_is_refused(
    headers: dict[str, str], status: int, ann: httpx.AsyncClient, house: Installation
):
    answer = await ann.post(ATTACHMENTS, content=b"x" * 100, headers=headers)
    assert problem(answer)[0] == status
    assert house.blobs() == []


@pytest.mark.parametrize("key", [[], [("Idempotency-Key", "k")]])
async def test_what_is_too_large_or_cut_leaves_nothing(
    key: list[tuple[str, str]], ann: httpx.AsyncClient, house: Installation
):
    told_first = [("Content-Length", "1000001"), ("Authorization", ann.headers["authorization"])]
    early = await call(house.app, "POST", ATTACHMENTS, [*told_first, *key], [b"x" * 1000])
    assert (early.status_code, early.taken) == (413, 0)
    late = await ann.post(
        ATTACHMENTS, content=in_pieces(b"x" * 1_000_001, 100_000), headers=dict(key)
    )
    assert problem(late) == (413, "too_large")
    head = [("Authorization", ann.headers["authorization"]), ("Transfer-Encoding", "chunked")]
    cut = await call(house.app, "POST", ATTACHMENTS, [*head, *key], [b"x" * 100], hang_up=True)
    assert cut.status_code == 400
    bare = await call(house.app, "POST", ATTACHMENTS, [head[0], *key])
    assert bare.status_code == 400
    assert house.blobs() == []
    usage: Any = told(await ann.get(f"{ROOT}/usage"))
    assert (usage["bytes"]["used"], usage["bytes"]["reserved"]) == (0, 0)


async def test_paths_and_methods_that_are_not_there_are_told_in_the_same_form(
    ann: httpx.AsyncClient,
):
    for path in ("/coatcheck", "/coatcheck/v2/usage", f"{ATTACHMENTS}/", f"{ROOT}/zzz"):
        assert problem(await ann.get(path)) == (404, "unknown_path")
    answer = await ann.put(ATTACHMENTS)
    assert problem(answer) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD, POST"
    assert b'{"detail":' not in answer.content
