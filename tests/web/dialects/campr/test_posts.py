"""Posts and their attachments: Campr, «Posts», «Post», «Post versions»."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.kit import Installation, installation
from tests.web.dialects.campr.speaking import (
    NOWHERE,
    REL,
    STATUS,
    assert_nothing_is_left,
    error_of,
    holdings,
    listed,
    post,
    posted,
    sha3,
    upload,
)

ONE, TWO = b"1" * 100, b"2" * 100


async def test_a_post_is_answered_as_it_is_kept(
    house: Installation, ann: httpx.AsyncClient
) -> None:
    await upload(
        ann, ONE, Content_Type="image/png", Content_Disposition="attachment; filename=a.png"
    )
    await upload(ann, TWO)
    wanted = {"digest": sha3(ONE).upper(), "name": "renamed.png", "category": "photo"}

    answer = await post(ann, [wanted, sha3(TWO)])

    now = house.clock.now() // 1000
    shown = answer.json()["post"]
    assert answer.status_code == 200
    assert answer.headers["content-type"] == f'application/json; type="{STATUS}"'
    assert answer.headers["location"] == f"http://coatcheck.test/posts/{shown['id']}"
    version = shown["version"]
    assert len(version["id"]) == 64
    assert shown == {
        "id": shown["id"],
        "entity": "http://coatcheck.test/~ann",
        "type": STATUS,
        "content": {"text": "hi"},
        "permissions": {"public": False},
        "version": {
            "id": version["id"],
            "message": None,
            "parents": [],
            "published_at": now,
            "received_at": now,
        },
        "published_at": now,
        "received_at": now,
        "attachments": [
            {
                "digest": sha3(ONE),
                "name": "renamed.png",
                "content_type": "image/png",
                "size": 100,
                "category": "photo",
            },
            {
                "digest": sha3(TWO),
                "name": None,
                "content_type": "application/octet-stream",
                "size": 100,
            },
        ],
    }
    again = await ann.get(f"/posts/{shown['id']}")
    assert again.json() == answer.json()
    assert again.headers["content-type"] == answer.headers["content-type"]
    head = await ann.head(f"/posts/{shown['id']}")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == answer.headers["content-type"]


async def test_what_was_attached_is_no_longer_detached(ann: httpx.AsyncClient) -> None:
    digest = await upload(ann, ONE)
    await posted(ann, digest)
    assert await listed(ann) == []
    assert error_of(await ann.delete(f"/attachments/{digest}")) == (404, "not_found")


async def test_the_answer_to_an_upload_may_be_given_as_it_is(ann: httpx.AsyncClient) -> None:
    answer = await ann.post("/attachments", content=ONE)
    shown = (await post(ann, [answer.json()["attachment"]])).json()["post"]
    assert [each["digest"] for each in shown["attachments"]] == [sha3(ONE)]


@pytest.mark.parametrize("wrong", [NOWHERE, "x", "", sha3(ONE)[:32], {"digest": NOWHERE}])
async def test_a_post_has_all_of_its_attachments_or_is_none(
    house: Installation, ann: httpx.AsyncClient, wrong: Any
) -> None:
    one, two = await upload(ann, ONE), await upload(ann, TWO)
    for wanted in ([wrong], [one, wrong, two], [wrong, one]):
        assert error_of(await post(ann, wanted)) == (404, "not_found")
    assert sorted(await listed(ann)) == sorted([one, two])
    assert (await ann.get("/posts")).json() == {"posts": []}


async def test_a_foreign_or_expired_attachment_takes_the_others_with_it(
    house: Installation, ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    expired = await upload(ann, b"expired")
    house.clock.advance(24 * 3600)
    mine, foreign = await upload(ann, ONE), await upload(bob, TWO)
    for wrong in (expired, foreign):
        assert error_of(await post(ann, [mine, wrong])) == (404, "not_found")
    assert await listed(ann) == [mine]
    assert await listed(bob) == [foreign]


async def test_a_digest_that_is_wanted_twice_is_attached_once(ann: httpx.AsyncClient) -> None:
    digest = await upload(ann, ONE)
    shown = (await post(ann, [digest, {"digest": digest, "name": "x"}])).json()["post"]
    assert len(shown["attachments"]) == 1


async def test_many_posts_may_have_the_same_attachment_and_the_last_to_go_frees_it(
    house: Installation, ann: httpx.AsyncClient
) -> None:
    digest = await upload(ann, ONE)
    posts = [await posted(ann, digest) for _ in range(3)]
    assert await holdings(house, ann) == (100, 0)
    for id in posts[:-1]:
        assert (await ann.delete(f"/posts/{id}")).status_code == 200
        assert (await ann.get(f"/attachments/{digest}")).content == ONE
    assert len(house.blobs()) == 1
    assert (await ann.delete(f"/posts/{posts[-1]}")).status_code == 200
    assert error_of(await ann.get(f"/attachments/{digest}")) == (404, "not_found")
    await assert_nothing_is_left(house, ann)


async def test_only_what_is_in_ones_own_posts_can_be_attached_again(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient, eve: httpx.AsyncClient
) -> None:
    digest = await upload(ann, ONE)
    await posted(ann, digest)
    assert (await post(ann, [digest])).status_code == 200
    for other in (bob, eve):
        assert error_of(await post(other, [digest])) == (404, "not_found")


async def test_a_change_makes_a_new_version_and_keeps_the_rest(
    house: Installation, ann: httpx.AsyncClient
) -> None:
    digest = await upload(ann, ONE)
    first = (await post(ann, [digest], permissions={"public": True})).json()["post"]
    house.clock.advance(60)

    answer = await ann.patch(
        f"/posts/{first['id']}",
        json={"content": {"text": "ho"}, "version": {"message": "better"}},
    )

    second = answer.json()["post"]
    now = house.clock.now() // 1000
    assert answer.status_code == 200
    assert second["content"] == {"text": "ho"}
    for kept in ("id", "type", "permissions", "attachments", "published_at", "received_at"):
        assert second[kept] == first[kept]
    version = second["version"]
    assert version["id"] != first["version"]["id"]
    assert (version["message"], version["parents"]) == ("better", [first["version"]["id"]])
    assert (version["published_at"], version["received_at"]) == (now, now)


async def test_versions_are_listed_newest_first_and_each_can_be_read(
    house: Installation, ann: httpx.AsyncClient
) -> None:
    first = (await post(ann)).json()["post"]
    path = f"/posts/{first['id']}"
    shown = [first]
    for number in range(4):
        answer = await ann.patch(path, json={"content": {"number": number}})
        shown.insert(0, answer.json()["post"])
        house.clock.advance(milliseconds=number % 2)

    answer = await ann.get(f"/post_versions/{first['id']}", params={"limit": 2})
    versions = answer.json()["versions"]
    assert answer.headers["count"] == "5"
    while REL + "next-page" in answer.links:
        answer = await ann.get(answer.links[REL + "next-page"]["url"])
        versions += answer.json()["versions"]
    assert versions == [each["version"] for each in shown]
    head = await ann.head(f"/post_versions/{first['id']}")
    assert (head.status_code, head.headers["count"], head.content) == (200, "5", b"")
    for each in shown:
        answer = await ann.get(path, params={"version": each["version"]["id"]})
        assert answer.json()["post"] == each
    for version in (NOWHERE, "x", "\0"):
        answer = await ann.get(path, params={"version": version})
        assert error_of(answer) == (404, "not_found")


async def test_what_older_versions_have_stays_attached_until_the_post_goes(
    house: Installation, ann: httpx.AsyncClient
) -> None:
    one, two = await upload(ann, ONE), await upload(ann, TWO)
    id = await posted(ann, one)
    answer = await ann.patch(f"/posts/{id}", json={"attachments": [two]})
    assert [each["digest"] for each in answer.json()["post"]["attachments"]] == [two]
    for digest, data in [(one, ONE), (two, TWO)]:
        assert (await ann.get(f"/attachments/{digest}")).content == data
    assert await listed(ann) == []
    await ann.delete(f"/posts/{id}")
    await assert_nothing_is_left(house, ann)


async def test_a_change_that_fails_changes_nothing(ann: httpx.AsyncClient) -> None:
    one, two = await upload(ann, ONE), await upload(ann, TWO)
    id = await posted(ann, one)
    change = {"content": {"text": "ho"}, "attachments": [two, NOWHERE]}
    before = await ann.get(f"/posts/{id}")
    assert error_of(await ann.patch(f"/posts/{id}", json=change)) == (404, "not_found")
    assert (await ann.get(f"/posts/{id}")).json() == before.json()
    assert await listed(ann) == [two]


async def test_changes_at_the_same_moment_follow_one_another(ann: httpx.AsyncClient) -> None:
    id = await posted(ann)
    answers = await asyncio.gather(
        *(ann.patch(f"/posts/{id}", json={"content": {"n": n}}) for n in range(8))
    )
    assert {answer.status_code for answer in answers} == {200}
    assert (await ann.get(f"/post_versions/{id}")).headers["count"] == "9"


async def test_a_deleted_post_leaves_a_tombstone_to_its_deleter_and_nothing_to_others(
    ann: httpx.AsyncClient,
) -> None:
    first = (await post(ann, [await upload(ann, ONE)])).json()["post"]
    path = f"/posts/{first['id']}"
    answer = await ann.delete(path)
    stone = answer.json()["post"]
    assert answer.status_code == 200
    assert stone["id"] == first["id"]
    assert stone["type"] == "https://campr.me/types/delete/v1"
    assert (stone["content"], stone["attachments"]) == ({}, [])
    assert answer.headers["content-type"] == f'application/json; type="{stone["type"]}"'
    for answer in (
        await ann.get(path),
        await ann.delete(path),
        await ann.patch(path, json={"content": {}}),
        await ann.get(f"/post_versions/{first['id']}"),
    ):
        assert error_of(answer) == (404, "not_found")
    assert (await ann.get("/posts")).json() == {"posts": []}


async def test_a_post_is_read_by_its_tenant_and_changed_by_its_author(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient, eve: httpx.AsyncClient
) -> None:
    id = await posted(ann)
    assert (await bob.get(f"/posts/{id}")).status_code == 200
    assert error_of(await eve.get(f"/posts/{id}")) == (404, "not_found")
    for other in (bob, eve):
        assert error_of(await other.delete(f"/posts/{id}")) == (404, "not_found")
        change = await other.patch(f"/posts/{id}", json={"content": {}})
        assert error_of(change) == (404, "not_found")
    assert (await ann.get(f"/posts/{id}")).status_code == 200


@pytest.mark.parametrize("id", ["x", "0" * 32, "0" * 31 + "G", "%00"])
async def test_what_is_no_post_is_not_found(ann: httpx.AsyncClient, id: str) -> None:
    for answer in (
        await ann.get(f"/posts/{id}"),
        await ann.delete(f"/posts/{id}"),
        await ann.patch(f"/posts/{id}", json={"content": {}}),
        await ann.get(f"/post_versions/{id}"),
    ):
        assert error_of(answer) == (404, "not_found")


async def test_posts_are_listed_by_page_and_filter(
    house: Installation, ann: httpx.AsyncClient, bob: httpx.AsyncClient, eve: httpx.AsyncClient
) -> None:
    began = house.clock.now() // 1000
    photo = "https://campr.me/types/photo/v1"
    ids: list[str] = []
    for client, type in [(ann, STATUS), (bob, STATUS), (ann, photo), (bob, photo), (ann, STATUS)]:
        ids.insert(0, (await post(client, type=type)).json()["post"]["id"])
        house.clock.advance(10)
    await posted(eve)

    async def found(**query: str) -> list[str]:
        answer = await ann.get("/posts", params={**query, "limit": "2"})
        assert answer.status_code == 200, answer.text
        count = answer.headers["count"]
        all = answer.json()["posts"]
        while REL + "next-page" in answer.links:
            answer = await ann.get(answer.links[REL + "next-page"]["url"])
            assert answer.headers["count"] == count
            all += answer.json()["posts"]
        assert len(all) == int(count)
        return [each["id"] for each in all]

    assert await found() == ids
    assert await found(sort_by="received_at", links="x", related="y") == ids
    assert await found(types=photo) == [ids[1], ids[2]]
    assert await found(types=f"{photo},{STATUS}") == ids
    assert await found(types="https://campr.me/types/none/v1") == []
    assert await found(authors="http://coatcheck.test/~bob") == [ids[1], ids[3]]
    assert await found(authors="http://coatcheck.test/~ann", types=photo) == [ids[2]]
    assert await found(after=str(began + 10)) == ids[:3]
    assert await found(before=str(began + 10)) == ids[4:]
    assert await found(after=str(began), before=str(began + 30)) == [ids[2], ids[3]]
    for wrong in ({"after": "x"}, {"before": "-1"}, {"types": "a\0b"}, {"types": "," * 100}):
        assert error_of(await ann.get("/posts", params=wrong)) == (400, "invalid_request")
    head = await ann.head("/posts", params={"limit": "2"})
    assert (head.content, head.headers["count"]) == (b"", "5")
    assert len(head.headers.get_list("link")) == 2


async def test_a_request_id_makes_a_retry_of_a_post_do_nothing(
    house: Installation, ann: httpx.AsyncClient
) -> None:
    digest = await upload(ann, ONE)
    first = await post(ann, [digest], id="p1")
    house.clock.advance(3600)
    second = await post(ann, [digest], id="p1")
    assert (second.status_code, second.json()) == (200, first.json())
    assert second.headers["location"] == first.headers["location"]
    assert (await ann.get("/posts")).headers["count"] == "1"
    assert error_of(await post(ann, id="p1")) == (409, "conflict")
    assert (await ann.get("/posts")).headers["count"] == "1"


async def test_many_retries_of_a_post_at_once_are_one_post(ann: httpx.AsyncClient) -> None:
    digest = await upload(ann, ONE)
    answers = await asyncio.gather(*(post(ann, [digest], id="p1") for _ in range(16)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert (await ann.get("/posts")).headers["count"] == "1"


async def test_a_failed_request_may_be_retried_under_its_id(ann: httpx.AsyncClient) -> None:
    assert error_of(await post(ann, [sha3(ONE)], id="p1")) == (404, "not_found")
    await upload(ann, ONE)
    assert (await post(ann, [sha3(ONE)], id="p1")).status_code == 200


async def test_a_request_id_makes_a_retry_of_a_change_do_nothing(ann: httpx.AsyncClient) -> None:
    id, other = await posted(ann), await posted(ann)
    headers = {"Client-Request-ID": "c1"}
    change = {"content": {"text": "ho"}}
    first = await ann.patch(f"/posts/{id}", json=change, headers=headers)
    second = await ann.patch(f"/posts/{id}", json=change, headers=headers)
    assert second.json() == first.json()
    assert (await ann.get(f"/post_versions/{id}")).headers["count"] == "2"
    for path, different in [(id, {"content": {}}), (other, change)]:
        answer = await ann.patch(f"/posts/{path}", json=different, headers=headers)
        assert error_of(answer) == (409, "conflict")


async def test_a_request_id_makes_a_retry_of_a_deletion_do_nothing(
    ann: httpx.AsyncClient,
) -> None:
    id = await posted(ann, await upload(ann, ONE))
    headers = {"Client-Request-ID": "d1"}
    first = await ann.delete(f"/posts/{id}", headers=headers)
    second = await ann.delete(f"/posts/{id}", headers=headers)
    assert (second.status_code, second.json()) == (200, first.json())
    answer = await ann.delete(f"/posts/{id}", headers={"Client-Request-ID": "d2"})
    assert error_of(answer) == (404, "not_found")


async def test_request_ids_are_each_users_own_and_kept_for_a_day(
    house: Installation, ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    first = (await post(ann, id="p1")).json()["post"]["id"]
    assert (await post(bob, id="p1")).json()["post"]["id"] != first
    house.clock.advance(24 * 3600)
    assert (await post(ann, id="p1")).json()["post"]["id"] != first


async def send(client: httpx.AsyncClient, body: bytes) -> httpx.Response:
    return await client.post("/posts", content=body, headers={"Content-Type": "application/json"})


DRAFT: dict[str, Any] = {"type": STATUS, "content": {}}

_WRONG: list[dict[str, Any]] = [
    {},
    {"type": STATUS},
    {"content": {}},
    DRAFT | {"type": 1},
    DRAFT | {"type": "no URL"},
    DRAFT | {"type": 'a:b"c'},
    DRAFT | {"type": "a:\r\nX: y"},
    DRAFT | {"type": "a:" + "b" * 500},
    DRAFT | {"content": []},
    DRAFT | {"content": None},
    DRAFT | {"permissions": True},
    DRAFT | {"attachments": {}},
    DRAFT | {"attachments": [1]},
    DRAFT | {"attachments": [{}]},
    DRAFT | {"attachments": [{"digest": None}]},
    DRAFT | {"version": 1},
    DRAFT | {"version": {"parents": "x"}},
]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{x}",
        b"[]",
        b"null",
        b'"x"',
        b"\xef\xbb\xbf{}",
        json.dumps(DRAFT).encode("utf-16"),
        b"\xff\xfe",
        json.dumps(DRAFT).encode() + b"x",
        b"[" * 100_000,
        json.dumps(DRAFT | {"content": {"n": 1}}).replace("1", "9" * 5000).encode(),
        json.dumps(DRAFT | {"content": {"n": 1}}).replace("1}", "1e400}").encode(),
        json.dumps(DRAFT | {"content": {"n": float("nan")}}).encode(),
        b'{"type": "a:b", "content": {"text": "\\ud800"}}',
        b'{"type": "a:b", "content": {"text": "\\u0000"}}',
        b'{"type": "a:b", "type": "a:b", "content": {}}',
        *(json.dumps(draft).encode() for draft in _WRONG),
    ],
)
async def test_what_is_no_post_is_refused(ann: httpx.AsyncClient, body: bytes) -> None:
    assert error_of(await send(ann, body)) == (400, "invalid_request")


@pytest.mark.parametrize(
    "called",
    [
        {"name": ""},
        {"name": ".."},
        {"name": "a/"},
        {"name": "x" * 256},
        {"name": 1},
        {"content_type": "a/b/c"},
        {"content_type": ""},
        {"content_type": "text/html\r\nX: y"},
        {"category": 1},
        {"category": "x" * 256},
    ],
)
async def test_an_attachment_cannot_be_called_just_anything(
    ann: httpx.AsyncClient, called: dict[str, Any]
) -> None:
    digest = await upload(ann, ONE)
    assert error_of(await post(ann, [{"digest": digest, **called}])) == (400, "invalid_request")
    assert await listed(ann) == [digest]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("a\r\nX: 1", "aX: 1"),
        ("\u202egpj.exe", "gpj.exe"),
        ("e\u0301", "é"),
        ("<img src=x>.png", "<img src=x>.png"),
    ],
)
async def test_a_name_that_a_post_gives_is_cleaned(
    ann: httpx.AsyncClient, given: str, kept: str
) -> None:
    digest = await upload(ann, ONE)
    shown = (await post(ann, [{"digest": digest, "name": given}])).json()["post"]
    assert shown["attachments"][0]["name"] == kept
    answer = await ann.get(f"/attachments/{digest}", params={"post": shown["id"]})
    assert answer.status_code == 200


async def test_a_change_has_to_change_something(ann: httpx.AsyncClient) -> None:
    id = await posted(ann)
    changes: list[Any] = [{}, {"unknown": 1}, [], None, {"content": 1}]
    for change in changes:
        answer = await ann.patch(f"/posts/{id}", json=change)
        assert error_of(answer) == (400, "invalid_request")
    assert (await ann.get(f"/post_versions/{id}")).headers["count"] == "1"


async def test_a_post_is_smaller_than_a_megabyte(ann: httpx.AsyncClient) -> None:
    fits = json.dumps(DRAFT | {"content": {"text": "x" * 999_000}}).encode()
    assert (await send(ann, fits)).status_code == 200
    too_large = json.dumps(DRAFT | {"content": {"text": "x" * 1_000_000}}).encode()
    assert error_of(await send(ann, too_large)) == (413, "payload_too_large")


async def test_an_encoded_post_is_not_taken(ann: httpx.AsyncClient) -> None:
    answer = await ann.post("/posts", json=DRAFT, headers={"Content-Encoding": "gzip"})
    assert error_of(answer) == (415, "unsupported_media_type")


async def test_posts_survive_a_restart(tmp_path: Path) -> None:
    async with installation(tmp_path, dialects="campr") as house, house.client() as ann:
        id = await posted(ann, await upload(ann, ONE))
        keys = house.keys
    async with installation(tmp_path, dialects="campr") as house:
        house.keys.update(keys)
        async with house.client() as ann:
            answer = await ann.get(f"/attachments/{sha3(ONE)}", params={"post": id})
            assert answer.content == ONE
