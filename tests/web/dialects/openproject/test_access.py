"""Who may ask at all, and what others cannot find out."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest

from tests.kit import Installation
from tests.web.dialects.openproject.speaking import (
    FORM,
    NOT_FOUND,
    PNG,
    held,
    links,
    part,
    refusal,
    told,
    upload,
    uploaded,
    work_package,
)
from tests.web.raw import raw

NO_CREDENTIALS = (
    401,
    "Unauthenticated",
    "You need to be authenticated to access this resource.",
    None,
)
WRONG_CREDENTIALS = (
    401,
    "Unauthenticated",
    "You did not provide the correct credentials.",
    None,
)
BASIC = 'Basic realm="OpenProject API"'
BEARER = 'Bearer realm="OpenProject API", error="invalid_token"'

ROUTES = [
    ("POST", "/api/v3/attachments"),
    ("POST", "/api/v3/attachments/prepare"),
    ("GET", "/api/v3/attachments/1"),
    ("HEAD", "/api/v3/attachments/1"),
    ("DELETE", "/api/v3/attachments/1"),
    ("GET", "/api/v3/attachments/1/content"),
    ("GET", "/api/v3/attachments/1/download"),
    ("GET", "/api/v3/attachments/1/uploaded"),
    ("POST", "/api/v3/work_packages"),
    ("POST", "/api/v3/projects/1/work_packages"),
    ("GET", "/api/v3/work_packages/1"),
    ("PATCH", "/api/v3/work_packages/1"),
    *(
        (method, f"/api/v3/{kind}/1/attachments{more}")
        for kind in "work_packages wiki_pages posts activities documents meetings".split()
        for method, more in (("GET", ""), ("POST", ""), ("POST", "/prepare"))
    ),
    ("GET", "/api/v3"),
    ("GET", "/api/v3/configuration"),
    ("GET", "/api/v3/users/me"),
    ("GET", "/api/v3/users/1"),
    ("GET", "/api/v3/projects"),
    ("GET", "/api/v3/projects/1"),
]


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize("form", ["basic", "bearer", "small"])
async def test_a_key_is_taken_as_password_of_apikey_or_as_a_token(
    house: Installation, form: str
) -> None:
    key = await house.key()
    header = {"basic": basic("apikey", key), "bearer": f"Bearer {key}", "small": f"bearer {key}"}
    async with house.anonymous(headers={"Authorization": header[form]}) as client:
        assert told(await client.get("/api/v3/users/me"))["login"] == "ann"


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_every_route_asks_who_is_there(house: Installation, method: str, path: str) -> None:
    async with house.anonymous() as client:
        answer = await client.request(method, path)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == BASIC
        if method != "HEAD":
            assert refusal(answer) == NO_CREDENTIALS


@pytest.mark.parametrize(
    ("given", "expected", "challenge"),
    [
        ("", NO_CREDENTIALS, BASIC),
        ("Bearer", NO_CREDENTIALS, BASIC),
        ("Bearer ", NO_CREDENTIALS, BASIC),
        ("Basic", NO_CREDENTIALS, BASIC),
        ("OAuth {key}", NO_CREDENTIALS, BASIC),
        ("Digest {key}", NO_CREDENTIALS, BASIC),
        ("Bearer " + "x" * 100_000, NO_CREDENTIALS, BASIC),
        ("Bearer {key}x", WRONG_CREDENTIALS, BEARER),
        ("Bearer {key} extra", WRONG_CREDENTIALS, BEARER),
        ("Bearer ké", WRONG_CREDENTIALS, BEARER),
        ("Basic {key}", WRONG_CREDENTIALS, BASIC),
        ("Basic %%%", WRONG_CREDENTIALS, BASIC),
        (basic("ann", "secret"), WRONG_CREDENTIALS, BASIC),
        (basic("apikey", "wrong"), WRONG_CREDENTIALS, BASIC),
        (basic("apikey", ""), WRONG_CREDENTIALS, BASIC),
        (basic("apikey", "pässwörd"), WRONG_CREDENTIALS, BASIC),
        ("Basic " + base64.b64encode(b"nocolon").decode(), WRONG_CREDENTIALS, BASIC),
        ("Basic " + base64.b64encode(b"apikey:\xff").decode(), WRONG_CREDENTIALS, BASIC),
    ],
)
async def test_credentials_that_are_none_or_wrong_are_told_apart(
    house: Installation, given: str, expected: Any, challenge: str
) -> None:
    header = given.replace("{key}", await house.key()).encode("utf-8")
    async with house.anonymous(headers=[(b"Authorization", header)]) as client:
        answer = await client.get("/api/v3/users/me")
    assert refusal(answer) == expected
    assert answer.headers["www-authenticate"] == challenge


async def test_two_authorization_headers_are_none(house: Installation) -> None:
    value = f"Bearer {await house.key()}"
    async with house.anonymous(headers=[("Authorization", value)] * 2) as client:
        assert refusal(await client.get("/api/v3/users/me")) == NO_CREDENTIALS


async def test_the_key_for_another_user_name_is_refused(house: Installation) -> None:
    header = {"Authorization": basic("ann", await house.key())}
    async with house.anonymous(headers=header) as client:
        assert refusal(await client.get("/api/v3")) == WRONG_CREDENTIALS


async def test_a_revoked_key_opens_nothing(house: Installation) -> None:
    async with house.client() as ann:
        told(await ann.get("/api/v3"))
        (record,) = await house.services.keys.all()
        await house.services.keys.revoke(record.id)
        assert refusal(await ann.get("/api/v3")) == WRONG_CREDENTIALS


@pytest.mark.parametrize("path", ["/api/v3/attachments", "/api/v3/wiki_pages/1/attachments"])
async def test_no_byte_of_a_body_is_read_before_its_sender_is_known(
    house: Installation, path: str
) -> None:
    pieces = [part("file", b"", filename="x")[:-2], *[bytes(65536)] * 100]
    answer = await raw(house, "POST", path, pieces, {"Authorization": "Bearer wrong", **FORM})
    assert (answer.status, answer.taken) == (401, 0)
    assert house.blobs() == []


async def test_a_containerless_attachment_is_for_its_author_alone(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient, eve: httpx.AsyncClient, house: Installation
) -> None:
    await uploaded(ann)
    for stranger in (bob, eve):
        for method, path in (
            ("GET", ""),
            ("HEAD", ""),
            ("GET", "/uploaded"),
            ("GET", "/content"),
            ("HEAD", "/content"),
            ("GET", "/download"),
            ("DELETE", ""),
        ):
            foreign = await stranger.request(method, f"/api/v3/attachments/1{path}")
            unknown = await stranger.request(method, f"/api/v3/attachments/999{path}")
            assert alike(foreign) == alike(unknown)
            assert foreign.status_code == 404
        body = {"subject": "x", "_links": {"attachments": links(1)}}
        foreign = await stranger.post("/api/v3/work_packages", json=body)
        body["_links"] = {"attachments": links(999)}
        unknown = await stranger.post("/api/v3/work_packages", json=body)
        assert alike(foreign) == alike(unknown)
        assert foreign.status_code == 422
    assert (await ann.get("/api/v3/attachments/1/content")).content == PNG


async def test_another_tenant_cannot_tell_that_anything_is_there(
    ann: httpx.AsyncClient, eve: httpx.AsyncClient
) -> None:
    await uploaded(ann)
    await work_package(ann)
    await work_package(ann, 1)
    for method, there, nowhere, body in (
        ("GET", "attachments/1", "attachments/999", None),
        ("DELETE", "attachments/1", "attachments/999", None),
        ("GET", "attachments/1/content", "attachments/999/content", None),
        ("GET", "work_packages/2", "work_packages/999", None),
        ("PATCH", "work_packages/2", "work_packages/999", {"subject": "mine"}),
        ("GET", "work_packages/2/attachments", "work_packages/999/attachments", None),
        ("GET", "users/1", "users/999", None),
    ):
        foreign = await eve.request(method, f"/api/v3/{there}", json=body)
        unknown = await eve.request(method, f"/api/v3/{nowhere}", json=body)
        assert alike(foreign) == alike(unknown)
        assert refusal(foreign) == NOT_FOUND
    assert refusal(await upload(eve, path="/api/v3/work_packages/2/attachments")) == NOT_FOUND
    assert await held(ann, "work_packages/2") == [1]


def alike(answer: httpx.Response) -> tuple[int, bytes, list[tuple[str, str]]]:
    """All that an answer tells, but for the id of its request."""
    headers = [(k, v) for k, v in answer.headers.items() if k != "x-request-id"]
    return answer.status_code, answer.content, headers


NO_IDS = "0 -1 01 1_0 +1 %201 1.0 %EF%BC%91 1e3 0x1 1%00 1;2 %ff 99999999999999999999 prepare me"


@pytest.mark.parametrize("id", [*NO_IDS.split(), "9" * 5000])
async def test_an_id_has_one_spelling(ann: httpx.AsyncClient, id: str) -> None:
    await uploaded(ann)
    for path in (f"attachments/{id}", f"attachments/{id}/content", f"work_packages/{id}"):
        assert refusal(await ann.get(f"/api/v3/{path}")) == NOT_FOUND
    if id != "me":
        assert refusal(await ann.get(f"/api/v3/users/{id}")) == NOT_FOUND
        assert refusal(await ann.get(f"/api/v3/projects/{id}")) == NOT_FOUND


async def test_what_a_client_says_it_accepts_is_not_asked(ann: httpx.AsyncClient) -> None:
    for accepted in ("application/json", "text/html", "*/*;q=x", "a" * 10_000):
        told(await ann.get("/api/v3", headers={"Accept": accepted}))


async def test_a_query_and_a_body_that_nobody_asked_for_are_ignored(
    ann: httpx.AsyncClient,
) -> None:
    await uploaded(ann)
    for query in ("a=1&a=2", "limit[]=1", "%00", "%ff", "x" * 60_000):
        told(await ann.get(f"/api/v3/attachments/1?{query}"))
    headers = {"Content-Type": "application/json"}
    content = json.dumps(None).encode()
    told(await ann.request("GET", "/api/v3/attachments/1", content=content, headers=headers))
