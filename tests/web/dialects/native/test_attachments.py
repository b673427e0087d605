"""Leaving, finding, reading, renaming, keeping and deleting attachments."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from pathlib import Path

import httpx
import pytest

from tests.kit import Installation, installation
from tests.pictures import picture
from tests.web.dialects.native.asks import (
    ATTACHMENTS,
    ROOT,
    claim,
    leave,
    problem,
    sha3,
    sha256,
    told,
)

DAY = 24 * 3600


def digest_field(content: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"


async def test_what_is_left_is_described_with_links_and_a_location(ann: httpx.AsyncClient):
    answer = await ann.post(
        ATTACHMENTS,
        content=b"hello",
        headers={
            "Content-Type": "text/plain",
            "Content-Disposition": "attachment; filename*=UTF-8''%E2%82%AC.txt",
        },
    )
    made = told(answer, 201)
    assert answer.headers["location"] == f"http://coatcheck.test{ATTACHMENTS}/{made['id']}"
    assert made == {
        "id": made["id"],
        "public_id": made["public_id"],
        "token": None,
        "name": "€.txt",
        "media_type": "text/plain",
        "size": 5,
        "digests": {"sha256": hashlib.sha256(b"hello").hexdigest()},
        "state": "detached",
        "owner": "ann",
        "dimensions": None,
        "created_at": "2025-06-15T15:06:40.000Z",
        "expires_at": "2025-06-16T15:06:40.000Z",
        "containers": [],
        "url": f"{answer.headers['location']}/content",
        "thumbnail_url": None,
    }
    assert (await ann.get(made["url"])).content == b"hello"


async def test_a_type_that_nobody_tells_is_told_by_name_or_bytes(ann: httpx.AsyncClient):
    named = await leave(ann, b"x", Content_Disposition="attachment; filename=a.pdf")
    seen = await leave(ann, picture("png", (3, 2)))
    assert (named["media_type"], seen["media_type"]) == ("application/pdf", "image/png")


async def test_a_picture_has_its_dimensions_and_a_thumbnail(ann: httpx.AsyncClient):
    made = await leave(ann, picture("png", (300, 200)))
    assert made["dimensions"] == {"width": 300, "height": 200}
    small = await ann.get(made["thumbnail_url"])
    assert small.status_code == 200
    assert small.headers["content-type"].startswith("image/")
    text = await leave(ann, b"no picture")
    assert problem(await ann.get(f"{ATTACHMENTS}/{text['id']}/thumbnail")) == (404, "not_found")


@pytest.mark.parametrize("field", ["Content-Digest", "Repr-Digest"])
@pytest.mark.parametrize("key", [None, "k"])
async def test_a_digest_that_is_announced_is_verified(
    field: str, key: str | None, ann: httpx.AsyncClient, house: Installation
):
    headers = {} if key is None else {"Idempotency-Key": key}
    wrong = {field: digest_field(b"other"), **headers}
    answer = await ann.post(ATTACHMENTS, content=b"x" * 100, headers=wrong)
    assert problem(answer) == (400, "digest_mismatch")
    assert house.blobs() == []
    right = {field: digest_field(b"x" * 100), **headers}
    told(await ann.post(ATTACHMENTS, content=b"x" * 100, headers=right), 201)


async def test_the_same_key_and_bytes_are_the_same_attachment(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient
):
    first = await leave(ann, b"x" * 100, Idempotency_Key="k")
    again = await leave(ann, b"x" * 100, Idempotency_Key='"k"')
    other = await leave(bob, b"x" * 100, Idempotency_Key="k")
    assert first == again
    assert other["id"] != first["id"]
    assert told(await ann.get(f"{ROOT}/usage"))["bytes"]["used"] == 100


async def test_at_once_under_one_key_there_is_one_attachment(ann: httpx.AsyncClient):
    made = await asyncio.gather(*(leave(ann, b"x" * 100, Idempotency_Key="k") for _ in range(6)))
    assert len({each["id"] for each in made}) == 1


@pytest.mark.parametrize("other", [b"y" * 100, b"x" * 99, b"x" * 101])
async def test_the_same_key_with_other_bytes_is_refused(other: bytes, ann: httpx.AsyncClient):
    await leave(ann, b"x" * 100, Idempotency_Key="k")
    answer = await ann.post(ATTACHMENTS, content=other, headers={"Idempotency-Key": "k"})
    assert problem(answer) == (422, "replay_mismatch")


@pytest.mark.parametrize("key", [None, "k"])
async def test_an_empty_one_is_kept_where_it_is_meant(key: str | None, ann: httpx.AsyncClient):
    headers = {} if key is None else {"Idempotency-Key": key}
    for _ in range(2):
        made = told(await ann.post(ATTACHMENTS, headers={"Content-Length": "0", **headers}), 201)
        assert (made["size"], (await ann.get(made["url"])).content) == (0, b"")
        told(await claim(ann, made["id"]))


async def test_every_form_of_an_id_names_it(ann: httpx.AsyncClient):
    made = await leave(ann, b"hello")
    bare = sha3(b"hello").partition(":")[2]
    for form in (made["id"], made["public_id"], sha256(b"hello"), sha3(b"hello"), bare):
        assert told(await ann.get(f"{ATTACHMENTS}/{form}"))["id"] == made["id"]
        head = await ann.head(f"{ATTACHMENTS}/{form}/content")
        assert (head.headers["content-length"], head.content) == ("5", b"")


async def test_a_file_of_the_tree_is_found_by_its_token(ann: httpx.AsyncClient):
    files = {"file": ("cv.pdf", b"%PDF-")}
    filed = told(await ann.post("/api/files", files=files, data={"folder": "ann/"}), 201)
    found = told(await ann.get(ATTACHMENTS, params={"token": filed["token"]}))["attachments"]
    assert [each["id"] for each in found] == [filed["id"]]
    assert found[0]["containers"] == [{"kind": "attachfast.site", "id": "site"}]


async def test_ranges_and_validators_are_answered(ann: httpx.AsyncClient):
    url = (await leave(ann, b"0123456789" * 10))["url"]
    part = await ann.get(url, headers={"Range": "bytes=2-5"})
    assert (part.status_code, part.content) == (206, b"2345")
    assert part.headers["repr-digest"] == digest_field(b"0123456789" * 10)
    same = await ann.get(url, headers={"If-None-Match": part.headers["etag"]})
    assert same.status_code == 304
    assert problem(await ann.get(url, headers={"Range": "bytes=200-"})) == (
        416,
        "range_not_satisfiable",
    )


async def test_what_a_browser_could_run_is_sent_for_saving(ann: httpx.AsyncClient):
    made = await leave(ann, b"<script>", Content_Type="text/html")
    answer = await ann.get(made["url"])
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]


async def test_a_list_is_read_to_its_end_page_by_page(ann: httpx.AsyncClient):
    ids = [(await leave(ann, b"%d" % n))["id"] for n in range(5)]
    seen, cursor = [], None
    while True:
        query = {"limit": "2"} if cursor is None else {"limit": "2", "cursor": cursor}
        answer = await ann.get(ATTACHMENTS, params=query)
        page = told(answer)
        seen += [each["id"] for each in page["attachments"]]
        cursor = page["next"]
        assert ("link" in answer.headers) == (cursor is not None)
        if cursor is None:
            break
        following = answer.links["next"]["url"]
        assert told(await ann.get(following))["attachments"][0]["id"] < seen[-1]
    assert seen == ids[::-1]


async def test_a_list_has_what_its_filters_select(ann: httpx.AsyncClient, bob: httpx.AsyncClient):
    free, taken = await leave(ann, b"a"), await leave(ann, b"b")
    theirs, hidden = await leave(bob, b"c"), await leave(bob, b"d")
    told(await claim(ann, taken["id"]))
    told(await claim(bob, theirs["id"], id="2"))

    async def found(**query: str) -> set[int]:
        shown = told(await ann.get(ATTACHMENTS, params=query))["attachments"]
        return {each["id"] for each in shown}

    assert await found() == {free["id"], taken["id"], theirs["id"]}
    assert await found(state="detached") == {free["id"]}
    assert await found(state="claimed", owner="bob") == {theirs["id"]}
    assert await found(container="post:1") == {taken["id"]}
    assert await found(owner="nobody") == set()
    assert hidden["id"] not in await found(owner="bob")


async def test_a_name_a_type_and_a_longer_stay(ann: httpx.AsyncClient, house: Installation):
    made = await leave(ann, b"x")
    url = f"{ATTACHMENTS}/{made['id']}"
    body = {"name": "../b.png", "media_type": "image/png", "expires_in": 3 * DAY}
    changed = told(await ann.patch(url, json=body))
    assert (changed["name"], changed["media_type"]) == ("b.png", "image/png")
    assert changed["expires_at"] == "2025-06-18T15:06:40.000Z"
    house.clock.advance(2 * DAY)
    await house.services.reaping.sweep()
    assert (await ann.get(url)).status_code == 200
    house.clock.advance(2 * DAY)
    await house.services.reaping.sweep()
    assert problem(await ann.get(url)) == (404, "not_found")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, ""),
        ([], ""),
        ({"name": 1}, "/name"),
        ({"name": ".."}, "/name"),
        ({"media_type": "nothing"}, "/media_type"),
        ({"expires_in": 59}, "/expires_in"),
        ({"expires_in": 7 * DAY + 1}, "/expires_in"),
        ({"expires_in": True}, "/expires_in"),
        ({"state": "claimed"}, "/state"),
        ({"owner/~": "u2"}, "/owner~1~0"),
    ],
)
async def test_a_change_that_is_not_valid_is_told_by_its_place(
    body: object, pointer: str, ann: httpx.AsyncClient
):
    made = await leave(ann, b"x")
    answer = await ann.patch(f"{ATTACHMENTS}/{made['id']}", json=body)
    assert problem(answer)[0] == 400
    assert answer.json()["pointer"] == pointer
    assert told(await ann.get(f"{ATTACHMENTS}/{made['id']}")) == made


async def test_what_is_claimed_is_not_deleted_and_does_not_expire(ann: httpx.AsyncClient):
    made = await leave(ann, b"x")
    url = f"{ATTACHMENTS}/{made['id']}"
    told(await claim(ann, made["id"]))
    assert problem(await ann.delete(url)) == (409, "already_claimed")
    assert problem(await ann.patch(url, json={"expires_in": DAY})) == (409, "invalid_transition")
    assert (await ann.get(made["url"])).content == b"x"


async def test_what_is_deleted_is_gone(ann: httpx.AsyncClient, house: Installation):
    made = await leave(ann, b"x" * 100)
    assert (await ann.delete(f"{ATTACHMENTS}/{made['public_id']}")).status_code == 204
    assert problem(await ann.delete(f"{ATTACHMENTS}/{made['id']}")) == (404, "not_found")
    assert house.blobs() == []
    usage = told(await ann.get(f"{ROOT}/usage"))
    assert usage["bytes"] == {"used": 0, "reserved": 0, "limit": None, "available": None}


async def test_usage_tells_limits_and_a_full_quota_is_refused(tmp_path: Path):
    async with (
        installation(tmp_path, quota_bytes=100, quota_count=3) as house,
        house.client() as ann,
    ):
        await leave(ann, b"x" * 60)
        full = await ann.post(ATTACHMENTS, content=b"x" * 41)
        assert problem(full) == (507, "quota_exceeded")
        usage = told(await ann.get(f"{ROOT}/usage"))
    assert usage["bytes"] == {"used": 60, "reserved": 0, "limit": 100, "available": 40}
    assert usage["attachments"] == {"count": 1, "limit": 3}
    assert usage["detached"] == {"count": 1, "bytes": 60}
