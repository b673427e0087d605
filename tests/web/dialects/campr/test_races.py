"""Claims, deletions, expiry and uploads that meet: what is attached always has its bytes."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import httpx
import pytest

from tests.kit import Installation, installation
from tests.web.dialects.campr.speaking import (
    assert_nothing_is_left,
    holdings,
    post,
    posted,
    sha3,
    upload,
)

ROUNDS = pytest.mark.parametrize("rounds", [12, pytest.param(300, marks=pytest.mark.thorough)])
pytestmark = [pytest.mark.timeout(600)]


async def all_attached_bytes_are_there(client: httpx.AsyncClient) -> list[str]:
    """The digests of what any post has, each of which was read."""
    posts = (await client.get("/posts", params={"limit": 200})).json()["posts"]
    digests = {each["digest"] for post in posts for each in post["attachments"]}
    for digest in digests:
        answer = await client.get(f"/attachments/{digest}")
        assert answer.status_code == 200
        assert sha3(answer.content) == digest
    return sorted(digests)


@ROUNDS
async def test_a_claim_a_deletion_and_an_expiry_of_one_attachment_have_one_winner(
    house: Installation, ann: httpx.AsyncClient, rounds: int
) -> None:
    chance = random.Random(2)
    for round in range(rounds):
        data = b"%d" % round * 50
        digest = await upload(ann, data)
        if round % 3 == 2:  # it may expire, a moment before or after
            house.clock.advance(24 * 3600 - chance.choice([1, 0, -61]))
        deeds: list[Any] = [
            post(ann, [digest]),
            post(ann, [digest]),
            ann.delete(f"/attachments/{digest}"),
            house.services.reaping.sweep(),
            ann.get(f"/attachments/{digest}"),
        ]
        chance.shuffle(deeds)
        answers = [
            each
            for each in await asyncio.gather(*deeds)
            if isinstance(each, httpx.Response) and each.request.method != "GET"
        ]

        claims = [each for each in answers if each.request.method == "POST"]
        (deletion,) = [each for each in answers if each.request.method == "DELETE"]
        attached = [each for each in claims if each.status_code == 200]
        assert {each.status_code for each in claims} <= {200, 404}
        assert deletion.status_code in (204, 404)
        assert not (attached and deletion.status_code == 204)
        assert await all_attached_bytes_are_there(ann) == ([digest] if attached else [])
        for each in attached:
            await ann.delete(f"/posts/{each.json()['post']['id']}")
    house.clock.advance(61)  # what expired in the last rounds is not due for a sweep before
    await house.services.reaping.sweep()
    await assert_nothing_is_left(house, ann)


@ROUNDS
async def test_the_last_post_of_an_attachment_going_and_another_coming_do_not_part_it_from_its_bytes(
    house: Installation, ann: httpx.AsyncClient, rounds: int
) -> None:
    for round in range(rounds):
        digest = await upload(ann, b"%d" % round * 50)
        first = await posted(ann, digest)
        gone, come, _ = await asyncio.gather(
            ann.delete(f"/posts/{first}"), post(ann, [digest]), house.services.reaping.sweep()
        )
        assert gone.status_code == 200
        assert come.status_code in (200, 404)
        if come.status_code == 200:
            assert await all_attached_bytes_are_there(ann) == [digest]
            await ann.delete(f"/posts/{come.json()['post']['id']}")
        else:
            assert (await ann.get(f"/attachments/{digest}")).status_code == 404
    await assert_nothing_is_left(house, ann)


@ROUNDS
async def test_uploading_again_while_it_is_attached_loses_neither(
    house: Installation, ann: httpx.AsyncClient, rounds: int
) -> None:
    for round in range(rounds):
        data = b"%d" % round * 50
        digest = await upload(ann, data)
        attached, again = await asyncio.gather(
            post(ann, [digest]), ann.post("/attachments", content=data)
        )
        assert (attached.status_code, again.status_code) == (200, 200)
        assert await all_attached_bytes_are_there(ann) == [digest]
        await ann.delete(f"/posts/{attached.json()['post']['id']}")
        await ann.delete(f"/attachments/{digest}")
    await assert_nothing_is_left(house, ann)


@ROUNDS
async def test_posts_that_want_some_of_the_same_attachments_all_have_theirs(
    house: Installation, ann: httpx.AsyncClient, rounds: int
) -> None:
    chance = random.Random(3)
    digests = [await upload(ann, b"%d" % number * 50) for number in range(6)]
    for _ in range(rounds):
        wanted = [chance.sample(digests, 3) for _ in range(4)]
        answers = await asyncio.gather(*(post(ann, each) for each in wanted))
        assert {answer.status_code for answer in answers} == {200}
        for answer, each in zip(answers, wanted, strict=True):
            shown = answer.json()["post"]["attachments"]
            assert [attachment["digest"] for attachment in shown] == each
    await all_attached_bytes_are_there(ann)


async def test_what_is_being_received_is_seen_by_nobody(
    house: Installation, ann: httpx.AsyncClient
) -> None:
    data = b"z" * 200_000
    digest = sha3(data)
    seen: list[int] = []
    done = asyncio.Event()

    async def watch() -> None:
        while not done.is_set():
            answer = await ann.get(f"/attachments/{digest}")
            seen.append(answer.status_code)
            assert answer.status_code == 404 or answer.content == data
            listing = (await ann.get("/attachments")).json()["attachments"]
            assert all(each["size"] == len(data) for each in listing)

    async def send() -> None:
        for _ in range(5):
            await upload(ann, data)
            assert (await ann.delete(f"/attachments/{digest}")).status_code == 204
        done.set()

    await asyncio.gather(watch(), send())
    assert 404 in seen
    await assert_nothing_is_left(house, ann)


@ROUNDS
async def test_uploading_again_while_it_is_read_does_not_take_it_from_the_reader(
    house: Installation, ann: httpx.AsyncClient, rounds: int
) -> None:
    data = b"z" * 100
    digest = await upload(ann, data)
    for _ in range(rounds):
        answers = await asyncio.gather(
            ann.post("/attachments", content=data),
            *(ann.get(f"/attachments/{digest}") for _ in range(4)),
        )
        assert {answer.status_code for answer in answers} == {200}
    assert len(house.blobs()) == 1


async def test_quota_is_kept_by_many_at_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    directory = tmp_path_factory.mktemp("quota")
    async with (
        installation(
            directory, dialects="campr", rate_limits="off", quota_bytes=1000, inline_max=16
        ) as house,
        house.client() as ann,
    ):
        answers = await asyncio.gather(
            *(ann.post("/attachments", content=bytes([n]) * 100) for n in range(24))
        )
        kept = [answer for answer in answers if answer.status_code == 200]
        refused = [answer for answer in answers if answer.status_code == 507]
        assert (len(kept), len(refused)) == (10, 14)
        assert await holdings(house, ann) == (1000, 10)
        assert len(house.blobs()) == 10
        for answer in kept:
            digest = answer.json()["attachment"]["digest"]
            assert (await ann.delete(f"/attachments/{digest}")).status_code == 204
        await assert_nothing_is_left(house, ann)
