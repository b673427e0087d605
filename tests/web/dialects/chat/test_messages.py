"""Messages take attachments with them; conversations come with them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection, event

from tests.kit import BASE, Installation
from tests.web.dialects.chat.speaking import (
    NEVER,
    NOT_FOUND,
    URLENCODED,
    ids,
    refusal,
    sent,
    told,
    upload,
    uploaded,
)


async def test_a_message_is_told_whole(ann: httpx.AsyncClient, house: Installation) -> None:
    file = await uploaded(ann)
    body = {"conversation_id": "xgQQXg3hrtjh7AvZ", "message": "see file"}
    answer = await ann.post("/v1/messages", json={**body, "attachments": [file["id"]]})
    message = told(answer, 201)
    now = house.clock.now() // 1000
    assert answer.headers["location"] == f"{BASE}/v1/messages/{message['id']}"
    assert list(message) == [
        *("id", "conversation_id", "contact", "message", "reactions", "attachments", "read_at"),
        *("created_at", "updated_at"),
    ]
    assert message.pop("contact").keys() == {"id", "username", "display_name"}
    assert message == {
        "id": message["id"],
        **body,
        "reactions": [],
        "attachments": [file | {"message_id": message["id"]}],
        "read_at": None,
        "created_at": now,
        "updated_at": None,
    }
    assert told(await ann.get(f"/v1/attachments/{file['id']}"))["message_id"] == message["id"]
    assert await ids(ann, conversation_id="xgQQXg3hrtjh7AvZ") == [file["id"]]
    shown = told(await ann.get("/v1/conversations/xgQQXg3hrtjh7AvZ"))
    assert shown == {"id": "xgQQXg3hrtjh7AvZ", "created_at": now}


async def test_attachments_are_named_in_any_way_that_clients_have(ann: httpx.AsyncClient) -> None:
    for way in (
        lambda a, b: {"content": f"{BODY}&attachments[]={a}&attachments[]={b}"},
        lambda a, b: {"content": f"{BODY}&attachments%5B%5D={a}&attachments%5B%5D={b}"},
        lambda a, b: {"content": f"{BODY}&attachments={a}&attachments={b}"},
        lambda a, b: {"content": f"{BODY}&attachments={a},{b}"},
        lambda a, b: {"content": f"{BODY}&attachments={a}, {b}"},
        lambda a, b: {"content": f"{BODY}&attachments[0]={a}&attachments[1]={b}"},
        lambda a, b: {"content": f'{BODY}&attachments=["{a}","{b}"]'},
        lambda a, b: {"json": {**FIELDS, "attachments": [a, b]}},
        lambda a, b: {"json": {**FIELDS, "attachments": [{"id": a, "size": 5}, {"id": b}]}},
        lambda a, b: {"json": {**FIELDS, "attachments": [a, b, a]}},
        lambda a, b: {"json": {**FIELDS, "attachments": f"{a},{b}"}},
    ):
        files = [(await uploaded(ann))["id"] for _ in range(2)]
        request = way(*files)
        headers = {} if "json" in request else URLENCODED
        message = told(await ann.post("/v1/messages", headers=headers, **request), 201)
        assert [each["id"] for each in message["attachments"]] == files
        assert message["message"] == "hé"


FIELDS = {"conversation_id": "room", "message": "hé"}
BODY = "conversation_id=room&message=hé"


async def test_a_message_can_do_without_attachments(ann: httpx.AsyncClient) -> None:
    none: list[Any] = [[], None, ""]
    for more in ({}, *({"attachments": each} for each in none)):
        assert told(await ann.post("/v1/messages", json=FIELDS | more), 201)["attachments"] == []
    for end in ("", "&attachments=", "&attachments[]="):
        answer = await ann.post("/v1/messages", content=BODY + end, headers=URLENCODED)
        assert told(answer, 201)["attachments"] == []


async def test_a_message_of_a_hundred_files_takes_no_more(ann: httpx.AsyncClient) -> None:
    many = [(await uploaded(ann))["id"] for _ in range(100)]
    message = await sent(ann, *many)
    for answer in (
        await upload(ann, message_id=message["id"]),
        await ann.put(f"/v1/messages/{message['id']}", json={"attachments": [*many, NEVER]}),
    ):
        assert answer.status_code == 400
        assert "A message has 100 attachments at most." in answer.text
        assert answer.headers["coatcheck-limit"] == "attachments=100"


async def test_a_message_that_is_none_changes_nothing(ann: httpx.AsyncClient) -> None:
    file = await uploaded(ann)
    own = {"attachments": [file["id"]]}
    bodies: list[object] = [
        own,
        {"message": "m", **own},
        {"conversation_id": "room", **own},
        {"conversation_id": "", "message": "m", **own},
        {"conversation_id": "x" * 256, "message": "m", **own},
        {"conversation_id": "a\nb", "message": "m", **own},
        {"conversation_id": 5, "message": "m", **own},
        {"conversation_id": "room", "message": "", **own},
        {"conversation_id": "room", "message": ["m"], **own},
        {**FIELDS, "attachments": [file["id"], NEVER]},
        {**FIELDS, "attachments": [NEVER, file["id"]]},
        {**FIELDS, "attachments": [file["id"], "../x"]},
        {**FIELDS, "attachments": [file["id"], ""]},
        {**FIELDS, "attachments": [None]},
        {**FIELDS, "attachments": [{}]},
        {**FIELDS, "attachments": [{"id": 1}]},
        {**FIELDS, "attachments": [[file["id"]]]},
        {**FIELDS, "attachments": {"id": file["id"]}},
        {**FIELDS, "attachments": 1},
        {**FIELDS, "attachments": [file["id"]] * 101},
        {**FIELDS, "reactions": [1], **own},
        {**FIELDS, "reactions": {"a": 1}, **own},
        *([], None, "text", 1),
    ]
    for body in bodies:
        assert refusal(await ann.post("/v1/messages", json=body))[0] == 400, body
        assert await ids(ann, "/v1/conversations") == [], body
    for content in (
        b"",
        b"{x}",
        b"\xef\xbb\xbf{}",
        b'{"message": "\xff\xfe"}',
        json.dumps(FIELDS).encode() + b"x",
        b"[" * 100_000,
        b'{"message": NaN, "conversation_id": "a"}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"conversation_id": "a", "message": "\\ud800"}',
        b'{"conversation_id": "a", "message": "\\u0000"}',
        b'{"message": "a", "message": "b", "conversation_id": "a"}',
    ):
        answer = await ann.post("/v1/messages", content=content)
        assert refusal(answer)[0] == 400, content[:50]
    for content in (
        b"conversation_id=room&message=a%00b",
        b"conversation_id=room&message=%ff",
        b"conversation_id=room&message=\xff",
        b"conversation_id=room&message=%ED%A0%80",
        b"conversation_id=ro%00om&message=m",
        b"conversation_id=room&message=m&attachments[]=%00",
        b"conversation_id=room&message=m&reactions[]=%00",
        b"conversation_id=room&message=m&message=m",
        b"a=b&" * 1001 + BODY.encode(),
    ):
        answer = await ann.post("/v1/messages", content=content, headers=URLENCODED)
        assert refusal(answer)[0] == 400, content[:50]
    answer = await ann.post("/v1/messages", json=FIELDS, headers={"Content-Encoding": "gzip"})
    assert refusal(answer)[0] == 400
    answer = await ann.post("/v1/messages", json=FIELDS | {"more": "x" * 300_000})
    assert refusal(answer)[0] == 413
    assert await ids(ann, "/v1/messages") == []
    assert told(await ann.get(f"/v1/attachments/{file['id']}")) == file


async def test_what_a_message_has_no_other_can_have(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    file, loose = await uploaded(ann), await uploaded(ann)
    message = await sent(ann, file["id"])
    other = await sent(ann)
    refused = (400, "An attachment is already part of another message.")
    for body in ({"attachments": [file["id"]]}, {"attachments": [loose["id"], file["id"]]}):
        assert refusal(await ann.post("/v1/messages", json=FIELDS | body)) == refused
        assert refusal(await ann.put(f"/v1/messages/{other['id']}", json=body)) == refused
    body = {"attachments": [file["id"]]}
    assert refusal(await bob.post("/v1/messages", json=FIELDS | body)) == refused
    assert told(await ann.get(f"/v1/attachments/{loose['id']}")) == loose
    assert told(await ann.get(f"/v1/messages/{message['id']}")) == message
    assert told(await ann.get(f"/v1/messages/{other['id']}")) == other
    # But the same one can, and whoever gives it up leaves it to others.
    assert told(await ann.put(f"/v1/messages/{message['id']}", json=body))["attachments"]
    told(await ann.put(f"/v1/messages/{message['id']}", json={"attachments": []}))
    assert (await sent(ann, file["id"]))["attachments"][0]["id"] == file["id"]


async def test_a_message_can_be_changed(ann: httpx.AsyncClient, house: Installation) -> None:
    first, second = await uploaded(ann), await uploaded(ann)
    message = await sent(ann, first["id"])
    path = f"/v1/messages/{message['id']}"
    house.clock.advance(60)
    changed = told(await ann.put(path, json={"message": "new", "id": NEVER, "created_at": 1}))
    now = house.clock.now() // 1000
    assert changed == message | {"message": "new", "updated_at": now}
    changed = told(await ann.put(path, data={"attachments[]": second["id"]}))
    assert [each["id"] for each in changed["attachments"]] == [second["id"]]
    assert changed["message"] == "new"
    assert told(await ann.get(f"/v1/attachments/{first['id']}")) == first
    assert told(await ann.put(path, data={"reactions[]": ["👍", "x"]}))["reactions"] == ["👍", "x"]
    assert told(await ann.put(path, json={"reactions": []}))["reactions"] == []
    for body in ({"message": 1}, {"attachments": [NEVER]}, {"reactions": 5}):
        assert refusal(await ann.put(path, json=body))[0] == 400
    last = told(await ann.get(path))
    assert last["attachments"] == [second | {"message_id": message["id"]}]
    assert await ids(ann, "/v1/messages") == [message["id"]]


async def test_a_deleted_message_leaves_its_attachments(ann: httpx.AsyncClient) -> None:
    file = await uploaded(ann)
    message = await sent(ann, file["id"])
    path = f"/v1/messages/{message['id']}"
    assert (await ann.delete(path)).status_code == 204
    for method in ("GET", "PUT", "DELETE"):
        assert refusal(await ann.request(method, path)) == NOT_FOUND
    assert await ids(ann, "/v1/messages") == []
    assert told(await ann.get(f"/v1/attachments/{file['id']}")) == file
    answer = await upload(ann, message_id=message["id"])
    assert refusal(answer) == (400, "There is no such message.")


async def test_an_upload_can_go_into_a_message_at_once(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    message = await sent(ann)
    file = await uploaded(ann, message_id=message["id"])
    both = await uploaded(ann, message_id=message["id"], conversation_id="room")
    assert [file["message_id"], both["message_id"]] == [message["id"]] * 2
    shown = told(await ann.get(f"/v1/messages/{message['id']}"))
    assert shown["attachments"] == [file, both]
    assert await ids(ann, conversation_id="room") == [both["id"], file["id"]]
    # Only its sender adds to a message.
    for client, fields in (
        (bob, {"message_id": message["id"]}),
        (ann, {"message_id": NEVER}),
        (ann, {"message_id": "x"}),
        (ann, {"message_id": message["id"], "conversation_id": "other"}),
        (ann, {"conversation_id": "x" * 256}),
        (ann, {"conversation_id": "a\nb"}),
    ):
        assert refusal(await upload(client, bytes(5000), **fields))[0] == 400, fields
    after: list[tuple[str, tuple[str | None, str]]] = [
        ("file", ("a.txt", "x")),
        ("message_id", (None, message["id"])),
    ]
    answer = await ann.post("/v1/attachments", files=after)
    assert refusal(answer) == (400, "message_id has to come before the file.")
    after[1] = ("conversation_id", (None, "late"))
    late = told(await ann.post("/v1/attachments", files=after), 201)["id"]
    assert await ids(ann, conversation_id="late") == [late]
    assert len(await ids(ann)) == 3


async def test_a_message_sent_twice_with_one_key_is_made_once(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    file = await uploaded(ann)
    body = FIELDS | {"attachments": [file["id"]]}
    headers = {"Idempotency-Key": "4f9c e1"}
    answers = await asyncio.gather(
        *(ann.post("/v1/messages", json=body, headers=headers) for _ in range(4))
    )
    first = told(answers[0], 201)
    assert [told(each, 201) for each in answers] == [first] * 4
    assert await ids(ann, "/v1/messages") == [first["id"]]
    answer = await ann.post("/v1/messages", json=FIELDS, headers=headers)
    assert refusal(answer)[0] == 409
    # A key is its sender's; what was refused can be tried again with the same one.
    assert told(await bob.post("/v1/messages", json=FIELDS, headers=headers), 201) != first
    headers = {"Idempotency-Key": "another"}
    answer = await ann.post("/v1/messages", json=body, headers=headers)
    assert refusal(answer)[0] == 400
    assert told(await ann.post("/v1/messages", json=FIELDS, headers=headers), 201)
    for bad in ("", "x" * 256, "\x80"):
        answer = await ann.post(
            "/v1/messages", json=FIELDS, headers=[(b"Idempotency-Key", bad.encode("latin-1"))]
        )
        assert refusal(answer)[0] == 400


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/attachments"])
async def test_a_long_page_takes_no_more_queries_than_a_short_one(
    ann: httpx.AsyncClient, house: Installation, path: str
) -> None:
    for _ in range(6):
        await sent(ann, (await uploaded(ann))["id"])
    statements: list[str] = []

    def note(_c: Connection, _u: object, statement: str, *_: object) -> None:
        statements.append(statement)

    counted = []
    for limit in (2, 5):
        statements.clear()
        event.listen(Connection, "before_cursor_execute", note)
        try:
            assert len(await ids(ann, path, limit=limit)) == limit
        finally:
            event.remove(Connection, "before_cursor_execute", note)
        counted.append(len(statements))
    assert counted[0] == counted[1] > 1


async def test_of_many_messages_that_want_one_file_one_gets_it(ann: httpx.AsyncClient) -> None:
    file = await uploaded(ann)
    body = FIELDS | {"attachments": [file["id"]]}
    answers = await asyncio.gather(*(ann.post("/v1/messages", json=body) for _ in range(6)))
    assert sorted(each.status_code for each in answers) == [201, *[400] * 5]
    assert len(await ids(ann, "/v1/messages")) == 1


async def test_a_delete_and_a_message_do_not_both_get_a_file(ann: httpx.AsyncClient) -> None:
    """Deleted after it was sent, it is not part of the message any more."""
    for _ in range(3):
        file = await uploaded(ann)
        path = f"/v1/attachments/{file['id']}"
        body = FIELDS | {"attachments": [file["id"]]}
        made, deleted = await asyncio.gather(ann.post("/v1/messages", json=body), ann.delete(path))
        assert (made.status_code, deleted.status_code) in {(201, 204), (400, 204)}
        assert refusal(await ann.get(path)) == NOT_FOUND
        if made.status_code == 201:
            shown = told(await ann.get(f"/v1/messages/{made.json()['id']}"))
            assert shown["attachments"] == []


async def test_a_conversation_can_be_begun_without_a_message(ann: httpx.AsyncClient) -> None:
    answer = await ann.post("/v1/conversations")
    made = told(answer, 201)
    assert answer.headers["location"] == f"{BASE}/v1/conversations/{made['id']}"
    assert told(await ann.get(answer.headers["location"])) == made
    for unknown in (NEVER, "x" * 256, "%00", "%ff", "room"):
        assert refusal(await ann.get(f"/v1/conversations/{unknown}")) == NOT_FOUND
