"""Who may ask at all, and what others cannot find out."""

from __future__ import annotations

import base64
from typing import Any

import httpx

from tests.kit import Installation
from tests.web.dialects.chat.speaking import (
    FORM,
    NEVER,
    form,
    ids,
    refusal,
    seen,
    sent,
    told,
    upload,
    uploaded,
)
from tests.web.raw import raw

ROUTES = [
    ("GET", "/v1/attachments"),
    ("POST", "/v1/attachments"),
    *((method, f"/v1/attachments/{NEVER}") for method in ("GET", "PUT", "DELETE")),
    ("GET", "/v1/messages"),
    ("POST", "/v1/messages"),
    *((method, f"/v1/messages/{NEVER}") for method in ("GET", "PUT", "DELETE")),
    ("GET", "/v1/conversations"),
    ("POST", "/v1/conversations"),
    ("GET", "/v1/conversations/room"),
]
NOBODY = (401, "Authorization is required: a Bearer token, or a user name and password.")
WRONG = (401, "The credentials are not valid.")


def basic(login: str, key: str) -> str:
    return "Basic " + base64.b64encode(f"{login}:{key}".encode()).decode()


async def test_nothing_is_told_and_nothing_read_before_the_caller_is_known(
    house: Installation,
) -> None:
    pieces = [form(b"x" * 50_000)] * 20
    for method, path in ROUTES:
        for given in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": basic("ann", "x")}):
            answer = await raw(house, method, path, pieces, {**FORM, **given}, hang_up=True)
            assert (answer.status, answer.taken) == (401, 0), path
            assert b'"invalid_request"' in answer.body
    async with house.anonymous() as nobody:
        for method, path in ROUTES:
            assert refusal(await nobody.request(method, path)) == NOBODY
        for path in ("/v1/attachments/../x", "/v1/attachments/1", "/v1/messages/%00"):
            assert (await nobody.get(path)).status_code in (401, 404)
        assert refusal(await nobody.get("/v1/attachments/1")) == NOBODY
        assert refusal(await nobody.get("/v1/messages/1")) == NOBODY
    assert house.blobs() == []


async def test_a_key_comes_as_a_token_or_with_its_login(
    ann: httpx.AsyncClient, house: Installation
) -> None:
    file = await uploaded(ann)
    key = await house.key()
    async with house.anonymous() as nobody:

        async def ask(*values: str | bytes) -> httpx.Response:
            headers = [
                (b"Authorization", each.encode() if isinstance(each, str) else each)
                for each in values
            ]
            return await nobody.get(f"/v1/attachments/{file['id']}", headers=headers)

        for good in (f"Bearer {key}", f"bearer {key}", f"Bearer  {key}", basic("ann", key)):
            assert told(await ask(good)) == file
        for bad, expected in (
            (basic("bob", key), WRONG),
            (basic("", key), WRONG),
            (basic("ann", ""), WRONG),
            (basic("ann", key[:-1]), WRONG),
            (basic("änn", key), WRONG),
            ("Basic ann:" + key, WRONG),
            ("Basic " + base64.b64encode(key.encode()).decode(), WRONG),
            ("Basic " + base64.b64encode(b"\xff:\xff").decode(), WRONG),
            (f"Bearer {key} extra", WRONG),
            (f"Bearer {key}x", WRONG),
            ("Bearer ké".encode("latin-1"), WRONG),
            ("Bearer", NOBODY),
            ("Bearer ", NOBODY),
            ("Basic ", NOBODY),
            (f"OAuth {key}", NOBODY),
            (key, NOBODY),
            ("Bearer " + "x" * 100_000, NOBODY),
        ):
            assert refusal(await ask(bad)) == expected, bad[:40]
        assert refusal(await ask(f"Bearer {key}", f"Bearer {key}")) == NOBODY


async def test_nothing_of_another_tenant_can_be_told_from_nothing(
    ann: httpx.AsyncClient, eve: httpx.AsyncClient
) -> None:
    detached, attached = await uploaded(ann), await uploaded(ann)
    message = await sent(ann, attached["id"], conversation_id="secret")
    own = (await sent(eve, conversation_id="mine"))["id"]
    before = await everything(ann)
    places = [
        (f"/v1/attachments/{detached['id']}", f"/v1/attachments/{NEVER}"),
        (f"/v1/attachments/{attached['id']}", f"/v1/attachments/{NEVER}"),
        (f"/v1/messages/{message['id']}", f"/v1/messages/{NEVER}"),
        ("/v1/conversations/secret", "/v1/conversations/never"),
    ]
    for foreign, unknown in places:
        for method in ("GET", "HEAD", "PUT", "DELETE"):
            body = {"filename": "x", "message": "x"}
            answer = await eve.request(method, foreign, json=body)
            assert answer.status_code in (404, 405)
            assert seen(answer) == seen(await eve.request(method, unknown, json=body)), foreign
    for id in (detached["id"], attached["id"]):
        for method, path in (("POST", "/v1/messages"), ("PUT", f"/v1/messages/{own}")):
            answers = [
                await eve.request(
                    method,
                    path,
                    json={"conversation_id": "mine", "message": "m", "attachments": [each]},
                )
                for each in (id, NEVER)
            ]
            assert answers[0].status_code == 400
            assert seen(answers[0]) == seen(answers[1])
    foreign_message, unknown_message = [
        await upload(eve, message_id=id) for id in (message["id"], NEVER)
    ]
    assert foreign_message.status_code == 400
    assert seen(foreign_message) == seen(unknown_message)
    for path in ("/v1/attachments", "/v1/messages"):
        answers = [
            await eve.get(path, params={"conversation_id": each}) for each in ("secret", "never")
        ]
        assert seen(answers[0]) == seen(answers[1])
    assert await ids(eve) == []
    assert await ids(eve, "/v1/messages") == [own]
    assert await ids(eve, "/v1/conversations") == ["mine"]
    # The same name is another conversation there.
    assert (await sent(eve, conversation_id="secret"))["attachments"] == []
    assert len(await ids(eve, "/v1/messages", conversation_id="secret")) == 1
    assert await everything(ann) == before


async def everything(client: httpx.AsyncClient) -> list[Any]:
    paths = ("/v1/attachments", "/v1/messages", "/v1/conversations")
    return [told(await client.get(path)) for path in paths]


async def test_a_colleagues_file_looks_like_none_until_it_is_sent(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    file = await uploaded(ann)
    path, unknown = f"/v1/attachments/{file['id']}", f"/v1/attachments/{NEVER}"
    for method in ("GET", "HEAD", "PUT", "DELETE"):
        answer = await bob.request(method, path, json={"filename": "x"})
        assert seen(answer) == seen(await bob.request(method, unknown, json={"filename": "x"}))
    body = {"conversation_id": "room", "message": "m"}
    answers = [
        await bob.post("/v1/messages", json={**body, "attachments": [each]})
        for each in (file["id"], NEVER)
    ]
    assert answers[0].status_code == 400
    assert seen(answers[0]) == seen(answers[1])
    assert await ids(bob) == []
    message = await sent(ann, file["id"])
    shown = told(await bob.get(path))
    assert shown == message["attachments"][0]
    assert await ids(bob) == [file["id"]]
    assert told(await bob.get(f"/v1/messages/{message['id']}")) == message


async def test_what_a_colleague_sent_can_be_read_and_not_changed(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    file = await uploaded(ann)
    message = await sent(ann, file["id"])
    for kind, id in (("attachments", file["id"]), ("messages", message["id"])):
        for method in ("PUT", "DELETE"):
            body = {"filename": "x", "message": "x", "attachments": []}
            answer = await bob.request(method, f"/v1/{kind}/{id}", json=body)
            unknown = await bob.request(method, f"/v1/{kind}/{NEVER}", json=body)
            assert answer.status_code == 404
            assert seen(answer) == seen(unknown)
    assert told(await ann.get(f"/v1/messages/{message['id']}")) == message
