"""`GET` and `HEAD /attachments`: Campr, «List detached files» and «Pagination»."""

from __future__ import annotations

import asyncio
import base64
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.kit import Installation
from tests.web.dialects.campr.speaking import REL, error_of, listed, posted, sha3, upload

HOUR = 3600


async def upload_many(house: Installation, client: httpx.AsyncClient, count: int) -> list[str]:
    """Newest first."""
    digests = []
    for number in range(count):
        digests.append(await upload(client, b"%d" % number))
        house.clock.advance(milliseconds=number % 2)
    return digests[::-1]


def page_of(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [each["digest"] for each in answer.json()["attachments"]]


def relations(answer: httpx.Response) -> set[str]:
    return {str(relation).removeprefix(REL) for relation in answer.links}


async def follow(
    client: httpx.AsyncClient, answer: httpx.Response, relation: str
) -> httpx.Response:
    return await client.get(answer.links[REL + relation]["url"])


async def test_pages_follow_one_another_from_newest_to_oldest(
    house: Installation, ann: httpx.AsyncClient
) -> None:
    digests = await upload_many(house, ann, 120)

    first = await ann.get("/attachments", params={"limit": 50})
    second = await follow(ann, first, "next-page")
    third = await follow(ann, second, "next-page")

    pages = [first, second, third]
    assert [len(page_of(page)) for page in pages] == [50, 50, 20]
    assert [digest for page in pages for digest in page_of(page)] == digests
    assert {page.headers["count"] for page in pages} == {"120"}
    assert relations(first) == {"next-page", "last-page"}
    assert relations(second) == {"first-page", "previous-page", "next-page", "last-page"}
    assert relations(third) == {"first-page", "previous-page"}
    assert page_of(await follow(ann, first, "last-page")) == page_of(third)
    assert page_of(await follow(ann, third, "previous-page")) == page_of(second)
    back = await follow(ann, second, "previous-page")
    assert page_of(back) == page_of(first)
    assert relations(back) == relations(first)
    assert page_of(await follow(ann, third, "first-page")) == page_of(first)


async def test_each_link_has_a_field_of_its_own_and_repeats_the_limit(
    house: Installation, ann: httpx.AsyncClient
) -> None:
    await upload_many(house, ann, 9)
    first = await ann.get("/attachments", params={"limit": 3})
    answer = await follow(ann, first, "next-page")
    fields = answer.headers.get_list("link")
    assert len(fields) == 4
    for field in fields:
        url, _, relation = field.removeprefix("<").partition('>; rel="')
        assert relation.startswith(REL)
        assert relation.endswith('-page"')
        assert url.startswith("http://coatcheck.test/attachments?")
        assert parse_qs(urlsplit(url).query)["limit"] == ["3"]


async def test_one_page_has_no_links(house: Installation, ann: httpx.AsyncClient) -> None:
    for count in (0, 1, 3):
        await upload_many(house, ann, count)
        answer = await ann.get("/attachments", params={"limit": 3})
        assert answer.headers["count"] == str(count)
        assert "link" not in answer.headers
        assert len(page_of(answer)) == count


async def test_head_has_the_fields_of_get_and_no_body(
    house: Installation, ann: httpx.AsyncClient
) -> None:
    await upload_many(house, ann, 3)
    get = await ann.get("/attachments", params={"limit": 1})
    head = await ann.head("/attachments", params={"limit": 1})
    assert head.status_code == 200
    assert head.content == b""
    for field in ("count", "content-type", "content-length"):
        assert head.headers[field] == get.headers[field]
    assert head.headers.get_list("link") == get.headers.get_list("link")


async def test_the_limit_is_50_unless_told_and_never_above_200(
    house: Installation, ann: httpx.AsyncClient
) -> None:
    await asyncio.gather(*(upload(ann, b"%d" % number) for number in range(201)))
    assert len(page_of(await ann.get("/attachments"))) == 50
    for limit in ("200", "201", "0200", "9" * 5000):
        assert len(page_of(await ann.get("/attachments", params={"limit": limit}))) == 200


@pytest.mark.parametrize(
    "limit", ["0", "000", "-1", "+1", "1.0", "1e1", "1_0", "", " 1", "x", "１", "\0"]
)
async def test_what_is_no_limit_is_refused(ann: httpx.AsyncClient, limit: str) -> None:
    answer = await ann.get("/attachments", params={"limit": limit})
    assert error_of(answer) == (400, "invalid_request")


async def test_a_page_that_was_changed_or_comes_from_another_list_is_refused(
    house: Installation, ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    await upload_many(house, ann, 4)
    first = await ann.get("/attachments", params={"limit": 2})
    url = first.links[REL + "next-page"]["url"]
    (mark,) = parse_qs(urlsplit(url).query)["page"]
    assert (await ann.get("/attachments", params={"page": mark})).status_code == 200

    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    changed = [
        mark[:at] + letters[(letters.index(mark[at]) + 1) % 64] + mark[at + 1 :]
        for at in range(len(mark))
    ]
    numbered = base64.urlsafe_b64encode(b"2").decode()
    for page in [*changed, mark[:-1], mark + "A", "", "2", numbered, "\0" * 32, "é" * 32]:
        answer = await ann.get("/attachments", params={"page": page})
        assert error_of(answer) == (400, "invalid_request"), page
    assert error_of(await bob.get("/attachments", params={"page": mark}))[0] == 400
    assert error_of(await ann.get("/posts", params={"page": mark}))[0] == 400


async def test_nothing_is_skipped_or_told_twice_while_others_come_and_go(
    house: Installation, ann: httpx.AsyncClient
) -> None:
    digests = await upload_many(house, ann, 30)
    seen: list[str] = []
    answer = await ann.get("/attachments", params={"limit": 7})
    while True:
        seen += page_of(answer)
        await upload(ann, b"new %d" % len(seen))
        await ann.delete(
            f"/attachments/{seen[-1]}"
        )  # the very neighbour that the next page is named by
        if REL + "next-page" not in answer.links:
            break
        answer = await follow(ann, answer, "next-page")
    assert seen == digests


async def test_a_page_may_have_become_empty(house: Installation, ann: httpx.AsyncClient) -> None:
    digests = await upload_many(house, ann, 3)
    first = await ann.get("/attachments", params={"limit": 2})
    await ann.delete(f"/attachments/{digests[-1]}")
    answer = await follow(ann, first, "next-page")
    assert page_of(answer) == []
    assert relations(answer) == {"first-page"}


async def test_only_the_callers_own_are_listed(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient, eve: httpx.AsyncClient
) -> None:
    digest = await upload(ann, b"x")
    assert [await listed(client) for client in (ann, bob, eve)] == [[digest], [], []]


async def test_what_expired_or_was_attached_is_not_listed(
    house: Installation, ann: httpx.AsyncClient
) -> None:
    await upload(ann, b"expires")
    house.clock.advance(HOUR)
    attached = await upload(ann, b"attached")
    kept = await upload(ann, b"kept")
    await posted(ann, attached)
    house.clock.advance(23 * HOUR)
    answer = await ann.get("/attachments")
    assert page_of(answer) == [kept]
    assert answer.headers["count"] == "1"


async def test_unknown_parameters_are_ignored(ann: httpx.AsyncClient) -> None:
    await upload(ann, b"x")
    answer = await ann.get("/attachments?limit=1&limit=2&limit[]=0&x=%00&y=%ff&" + "z" * 10_000)
    assert page_of(answer) == [sha3(b"x")]
