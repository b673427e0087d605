"""Pages of attachments, messages and conversations."""

from __future__ import annotations

import httpx
import pytest
from starlette.requests import Request

from coatcheck.domain.pages import Mark, Window
from coatcheck.web.dialects.chat.asking import window_of
from tests.kit import Installation
from tests.web.dialects.chat.speaking import (
    NEVER,
    ids,
    page,
    refusal,
    sent,
    told,
    uploaded,
)

LISTS = ("/v1/attachments", "/v1/messages", "/v1/conversations")


async def test_twenty_five_uploads_are_paged_both_ways(
    ann: httpx.AsyncClient, house: Installation
) -> None:
    made = []
    for number in range(25):
        made.append((await uploaded(ann, name=f"{number}.txt"))["id"])
        if number % 3 == 0:
            house.clock.advance(1)  # some share a time
    newest_first = made[::-1]
    assert await page(ann) == (newest_first[:10], True)
    assert await page(ann, starting_after=newest_first[9]) == (newest_first[10:20], True)
    assert await page(ann, starting_after=newest_first[19]) == (newest_first[20:], False)
    assert await page(ann, starting_after=newest_first[-1]) == ([], False)
    assert await page(ann, starting_after=newest_first[14]) == (newest_first[15:], False)
    assert await page(ann, ending_before=newest_first[20]) == (newest_first[10:20], True)
    assert await page(ann, ending_before=newest_first[10]) == (newest_first[:10], False)
    assert await page(ann, endding_before=newest_first[15]) == (newest_first[5:15], True)
    assert await page(ann, ending_before=newest_first[3]) == (newest_first[:3], False)
    assert await page(ann, ending_before=newest_first[0]) == ([], False)
    for size in (7, 24, 100):
        forwards, backwards = await walk(ann, size), await walk(ann, size, back=made[0])
        assert forwards == newest_first
        assert backwards == newest_first[:-1]
    # What comes in or goes meanwhile neither skips nor doubles anything.
    first, _ = await page(ann, limit=5)
    await uploaded(ann)
    await ann.delete(f"/v1/attachments/{first[0]}")
    assert await page(ann, limit=5, starting_after=first[-1]) == (newest_first[5:10], True)


async def walk(client: httpx.AsyncClient, size: int, back: str | None = None) -> list[str]:
    """Every page in one direction; from `back` towards the newest, if it is given."""
    found: list[str] = []
    more, query = True, {} if back is None else {"ending_before": back}
    while more:
        items, more = await page(client, limit=size, **query)
        found = items + found if back else found + items
        assert len(items) == size or not more
        query = {"ending_before": items[0]} if back else {"starting_after": items[-1]}
    return found


async def test_a_limit_is_a_number_of_at_least_one(ann: httpx.AsyncClient) -> None:
    async def mark_of(_: str) -> Mark:
        raise AssertionError

    for limit, size in (("1", 1), ("010", 10), ("100", 100), ("101", 100), ("9" * 5000, 100)):
        scope = {"type": "http", "query_string": f"limit={limit}".encode(), "headers": []}
        assert await window_of(Request(scope), mark_of) == Window(limit=size)
    for path in LISTS:
        for limit in ("0", "-1", "1.0", "1e1", "abc", "", " 1", "+1", "１", "00", "1_0", "\0"):
            answer = await ann.get(path, params={"limit": limit})
            assert refusal(answer) == (400, "limit has to be a whole number above 0."), limit


@pytest.mark.parametrize("path", LISTS)
async def test_a_cursor_is_something_that_the_caller_may_see(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient, eve: httpx.AsyncClient, path: str
) -> None:
    theirs = {
        "/v1/attachments": (await uploaded(eve))["id"],
        "/v1/messages": (await sent(eve, conversation_id="Secret0Room00000"))["id"],
        "/v1/conversations": "Secret0Room00000",
    }[path]
    detached = (await uploaded(bob))["id"]
    for name in ("starting_after", "ending_before"):
        for id in (NEVER, theirs, detached, "", "\0", "x" * 5000, "1", "../1"):
            answer = await ann.get(path, params={name: id})
            assert refusal(answer) == (400, f"{name} names no object of this list."), id
    answer = await ann.get(path, params={"starting_after": NEVER, "ending_before": NEVER})
    assert refusal(answer)[0] == 400
    answer = await ann.get(path, params={"starting_after": NEVER, "endding_before": NEVER})
    assert refusal(answer)[0] == 400


async def test_a_list_can_be_limited_to_a_conversation(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    loose = (await uploaded(ann))["id"]
    named = (await uploaded(ann, conversation_id="green"))["id"]
    in_green, in_blue = [(await uploaded(ann))["id"] for _ in range(2)]
    green = (await sent(ann, in_green, conversation_id="green"))["id"]
    blue = (await sent(bob, conversation_id="blue ü/1"))["id"]
    other = (await sent(ann, in_blue, conversation_id="blue ü/1"))["id"]
    assert await ids(ann) == [in_blue, in_green, named, loose]
    assert await ids(ann, conversation_id="green") == [in_green, named]
    assert await page(ann, conversation_id="green", limit=1) == ([in_green], True)
    assert await page(ann, conversation_id="green", limit=1, starting_after=in_green) == (
        [named],
        False,
    )
    assert await page(ann, conversation_id="green", limit=1, ending_before=named) == (
        [in_green],
        False,
    )
    assert await ids(ann, conversation_id="blue ü/1") == [in_blue]
    # To a colleague a conversation has what was sent to it, not what was left for it.
    assert await ids(bob, conversation_id="green") == [in_green]
    assert await page(ann, conversation_id="unknown") == ([], False)
    assert await ids(ann, "/v1/messages", conversation_id="green") == [green]
    assert await ids(ann, "/v1/messages", conversation_id="blue ü/1") == [other, blue]
    assert await ids(ann, "/v1/messages") == [other, blue, green]
    assert await ids(ann, "/v1/messages", conversation_id="unknown") == []
    for path in LISTS[:2]:
        for name in ("", "\0", "x" * 256, "a\nb"):
            answer = await ann.get(path, params={"conversation_id": name})
            assert refusal(answer) == (400, "conversation_id is not valid.")


async def test_an_attachment_leaves_a_conversation_with_its_message(
    ann: httpx.AsyncClient,
) -> None:
    file = (await uploaded(ann))["id"]
    message = await sent(ann, file)
    assert await ids(ann, conversation_id="room") == [file]
    told(await ann.put(f"/v1/messages/{message['id']}", json={"attachments": []}))
    assert await ids(ann, conversation_id="room") == []
    assert await ids(ann) == [file]


async def test_conversations_are_paged_by_whatever_name_they_have(ann: httpx.AsyncClient) -> None:
    names = ["a", "room 5/6", "ümläut", "x" * 255]
    for name in names:
        await sent(ann, conversation_id=name)
        await sent(ann, conversation_id=name)
    made = told(await ann.post("/v1/conversations"), 201)["id"]
    newest_first = [made, *names[::-1]]
    path = "/v1/conversations"
    assert await page(ann, path) == (newest_first, False)
    for at, name in enumerate(newest_first):
        assert await ids(ann, path, starting_after=name) == newest_first[at + 1 :]
        assert await ids(ann, path, ending_before=name) == newest_first[:at]


async def test_other_queries_are_not_listened_to(
    ann: httpx.AsyncClient, eve: httpx.AsyncClient
) -> None:
    file = (await uploaded(ann))["id"]
    await uploaded(eve)
    for query in (
        "owner=eve&tenant=other&page=-1&per_page=0",
        "limit[]=1",
        "%00=%ff",
        "x" * 10_000,
        "limit=5&limit=1",
    ):
        answer = await ann.get(f"/v1/attachments?{query}")
        assert [each["id"] for each in told(answer)["data"]] == [file]
