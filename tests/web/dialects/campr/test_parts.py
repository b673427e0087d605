"""`POST /attachments` with Content-Range: Campr, «Partial uploads»."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
import random
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.kit import Installation, installation
from tests.web.dialects.campr.speaking import (
    assert_nothing_is_left,
    call,
    error_of,
    holdings,
    in_pieces,
    listed,
    send_part,
    sha3,
    upload,
)

DATA = bytes(range(256)) * 2
DAY = 24 * 3600


async def send(
    client: httpx.AsyncClient, start: int, stop: int, id: str = "one", **headers: str
) -> httpx.Response:
    return await send_part(client, id, DATA[start:stop], start, len(DATA), **headers)


async def test_a_part_is_taken_and_the_last_one_answered_with_the_whole(
    house: Installation, ann: httpx.AsyncClient
) -> None:
    first = await send(ann, 0, 200)
    assert first.status_code == 202
    assert first.headers["range"] == "bytes 0-199/512"
    assert first.json() == {}
    assert await listed(ann) == []
    assert (await ann.get(f"/attachments/{sha3(DATA)}")).status_code == 404

    last = await send(ann, 200, 512)
    assert last.status_code == 200
    assert "range" not in last.headers
    assert last.headers["location"].endswith(f"/attachments/{sha3(DATA)}")
    assert last.json()["attachment"]["digest"] == sha3(DATA)
    assert last.json()["attachment"]["size"] == 512
    assert (await ann.get(f"/attachments/{sha3(DATA)}")).content == DATA
    assert await listed(ann) == [sha3(DATA)]


async def test_one_part_may_be_the_whole(ann: httpx.AsyncClient) -> None:
    assert (await send(ann, 0, 512)).status_code == 200


async def test_an_upload_is_whole_exactly_when_every_byte_is_there(ann: httpx.AsyncClient) -> None:
    for start, stop in [(300, 512), (0, 100), (101, 300)]:
        assert (await send(ann, start, stop)).status_code == 202
    assert (await send(ann, 100, 101)).status_code == 200


@dataclass(frozen=True)
class Sending:
    data: bytes
    spans: list[tuple[int, int]]


@st.composite
def sendings(draw: st.DrawFn) -> Sending:
    """A file cut anywhere, its parts in any order, some of them more than once, some of them overlapping."""
    data = draw(st.binary(min_size=1, max_size=300))
    cuts = draw(st.sets(st.integers(1, len(data)), max_size=6))
    spans = list(itertools.pairwise(sorted({0, len(data), *cuts})))
    again = draw(st.lists(st.sampled_from(spans), max_size=3))
    inside = st.integers(0, len(data) - 1).flatmap(
        lambda start: st.tuples(st.just(start), st.integers(start + 1, len(data)))
    )
    across = draw(st.lists(inside, max_size=2))
    return Sending(data, draw(st.permutations(spans + again + across)))


async def sent(client: httpx.AsyncClient, sending: Sending, id: str, *, at_once: bool) -> None:
    total = len(sending.data)
    requests = [
        send_part(client, id, sending.data[start:stop], start, total)
        for start, stop in sending.spans
    ]
    answers = (
        await asyncio.gather(*requests) if at_once else [await request for request in requests]
    )
    assert {answer.status_code for answer in answers} <= {200, 202}
    whole = [answer.json() for answer in answers if answer.status_code == 200]
    assert whole
    assert all(each == whole[0] for each in whole)
    assert whole[0]["attachment"]["digest"] == sha3(sending.data)


@given(st.lists(st.tuples(sendings(), st.booleans()), min_size=3, max_size=3))
@hypothesis_settings(max_examples=max(3, hypothesis_settings().max_examples // 15))
def test_any_cut_in_any_order_gives_the_same_bytes_and_one_attachment(
    tmp_path_factory: pytest.TempPathFactory, many: list[tuple[Sending, bool]]
) -> None:
    async def check(directory: Path) -> None:
        async with (
            installation(directory, dialects="campr", rate_limits="off", inline_max=16) as house,
            house.client() as ann,
        ):
            for number, (sending, at_once) in enumerate(many):
                await sent(ann, sending, f"id {number}", at_once=at_once)
                digest = sha3(sending.data)
                assert await listed(ann) == [digest]
                assert (await ann.get(f"/attachments/{digest}")).content == sending.data
                assert await holdings(house, ann) == (len(sending.data), 1)
                assert (await ann.delete(f"/attachments/{digest}")).status_code == 204
            await assert_nothing_is_left(house, ann)

    asyncio.run(check(tmp_path_factory.mktemp("any-cut")))


@pytest.mark.parametrize("rounds", [8, pytest.param(200, marks=pytest.mark.thorough)])
@pytest.mark.timeout(300)
async def test_of_many_that_could_complete_an_upload_one_does(
    house: Installation, ann: httpx.AsyncClient, rounds: int
) -> None:
    chance = random.Random(1)
    spans = [(0, 100), (100, 250), (250, 400), (400, 512)]
    for round in range(rounds):
        order = spans + spans[:2]
        chance.shuffle(order)
        answers = await asyncio.gather(
            *(send(ann, start, stop, f"round {round}") for start, stop in order)
        )
        whole = {answer.text for answer in answers if answer.status_code == 200}
        assert len(whole) == 1
        assert {answer.status_code for answer in answers} <= {200, 202}
        assert await listed(ann) == [sha3(DATA)]
        assert await holdings(house, ann) == (512, 1)
    assert len(house.blobs()) == 4


async def test_a_part_sent_again_is_taken_again_and_kept_once(
    house: Installation, ann: httpx.AsyncClient
) -> None:
    for _ in range(3):
        assert (await send(ann, 0, 100)).status_code == 202
    assert len(house.blobs()) == 1
    assert (await send(ann, 100, 512)).status_code == 200


@pytest.mark.parametrize(
    ("start", "stop"), [(0, 100), (100, 512), (0, 512), (50, 60), (90, 300), (511, 512)]
)
async def test_after_completion_any_part_is_told_the_same_again(
    house: Installation, ann: httpx.AsyncClient, start: int, stop: int
) -> None:
    await send(ann, 0, 100)
    whole = await send(ann, 100, 512)
    house.clock.advance(3600)
    before = house.blobs()

    again = await send(ann, start, stop)

    assert again.status_code == 200
    assert again.json() == whole.json()
    assert house.blobs() == before
    assert await listed(ann) == [sha3(DATA)]
    assert await holdings(house, ann) == (512, 1)


async def test_after_completion_other_bytes_conflict(
    house: Installation, ann: httpx.AsyncClient
) -> None:
    await send(ann, 0, 100)
    await send(ann, 100, 512)
    before = house.blobs()
    for data, start, total in [(b"?" * 100, 0, 512), (b"?" * 7, 90, 512), (DATA[:100], 0, 511)]:
        assert error_of(await send_part(ann, "one", data, start, total)) == (409, "conflict")
    assert house.blobs() == before
    assert await listed(ann) == [sha3(DATA)]


async def test_parts_may_overlap_where_they_agree(
    house: Installation, ann: httpx.AsyncClient
) -> None:
    assert (await send(ann, 0, 300)).status_code == 202
    assert (await send(ann, 100, 200)).status_code == 202
    assert (await send(ann, 250, 512)).status_code == 200
    assert (await ann.get(f"/attachments/{sha3(DATA)}")).content == DATA
    assert await holdings(house, ann) == (512, 1)


async def test_parts_that_disagree_conflict_and_do_the_upload_no_harm(
    house: Installation, ann: httpx.AsyncClient
) -> None:
    await send(ann, 0, 300)
    before = house.blobs()

    same_range = await send_part(ann, "one", b"?" * 300, 0, 512)
    across = await send_part(ann, "one", b"?" * 100, 250, 512)
    inside = await send_part(ann, "one", b"?", 17, 512)
    other_total = await send_part(ann, "one", DATA[300:400], 300, 400)

    for answer in (same_range, across, inside, other_total):
        assert error_of(answer) == (409, "conflict")
    assert house.blobs() == before
    assert (await send(ann, 300, 512)).json()["attachment"]["digest"] == sha3(DATA)


async def test_a_part_needs_a_request_id(house: Installation, ann: httpx.AsyncClient) -> None:
    answer = await ann.post("/attachments", content=b"x", headers={"Content-Range": "bytes 0-0/1"})
    assert error_of(answer) == (400, "client_request_id_required")
    empty = {"Content-Range": "bytes 0-0/1", "Client-Request-ID": " "}
    answer = await ann.post("/attachments", content=b"x", headers=empty)
    assert error_of(answer) == (400, "client_request_id_required")


@pytest.mark.parametrize(
    "given",
    [
        "bytes 5-2/10",
        "bytes 0-9/5",
        "bytes */10",
        "bytes 0-9/*",
        "items 0-9/10",
        "bytes 0-9/10, bytes 0-1/10",
        "bytes 0-9/9223372036854775808",
        f"bytes 0-9/{'9' * 5000}",
        "bytes 00-09/10",
        "bytes -5-9/10",
        "bytes 0-9",
        "bytes=0-9/10",
        "",
    ],
)
async def test_a_range_that_cannot_be_is_refused(
    house: Installation, ann: httpx.AsyncClient, given: str
) -> None:
    headers = {"Content-Range": given, "Client-Request-ID": "one"}
    answer = await ann.post("/attachments", content=b"0123456789", headers=headers)
    assert error_of(answer) == (400, "invalid_content_range")
    await assert_nothing_is_left(house, ann)


async def test_two_ranges_are_refused(house: Installation) -> None:
    headers = [
        ("Authorization", f"Bearer {await house.key()}"),
        ("Client-Request-ID", "one"),
        ("Content-Length", "10"),
        ("Content-Range", "bytes 0-9/20"),
        ("Content-Range", "bytes 10-19/20"),
    ]
    answer = await call(house.app, "POST", "/attachments", headers, [b"0123456789"])
    assert error_of(answer) == (400, "invalid_content_range")


@pytest.mark.parametrize("length", [0, 9, 11, 50_000])
@pytest.mark.parametrize("told", [True, False])
async def test_a_body_of_another_length_than_its_range_is_refused(
    house: Installation, ann: httpx.AsyncClient, length: int, told: bool
) -> None:
    headers = {"Content-Range": "bytes 0-9/60000", "Client-Request-ID": "one"}
    content = b"x" * length if told else in_pieces(b"x" * length)
    headers |= {"Content-Length": str(length)} if told else {}
    answer = await ann.post("/attachments", content=content, headers=headers)
    assert error_of(answer) == (400, "invalid_content_range")
    await assert_nothing_is_left(house, ann)


async def test_a_length_that_contradicts_the_range_is_refused_unread(house: Installation) -> None:
    headers = [
        ("Authorization", f"Bearer {await house.key()}"),
        ("Client-Request-ID", "one"),
        ("Content-Length", "100000"),
        ("Content-Range", "bytes 0-9/100000"),
    ]
    answer = await call(house.app, "POST", "/attachments", headers, [b"x" * 1000] * 100)
    assert error_of(answer) == (400, "invalid_content_range")
    assert answer.taken == 0


async def test_a_part_that_is_cut_is_not_kept(house: Installation, ann: httpx.AsyncClient) -> None:
    await send(ann, 0, 100)
    before = house.blobs()
    headers = [
        ("Authorization", f"Bearer {await house.key()}"),
        ("Client-Request-ID", "one"),
        ("Content-Length", "412"),
        ("Content-Range", "bytes 100-511/512"),
    ]
    answer = await call(house.app, "POST", "/attachments", headers, [DATA[100:300]], hang_up=True)
    assert error_of(answer) == (400, "invalid_request")
    assert house.blobs() == before
    assert (await send(ann, 100, 512)).json()["attachment"]["digest"] == sha3(DATA)


async def test_a_total_above_the_limit_is_refused_unread(house: Installation) -> None:
    headers = [
        ("Authorization", f"Bearer {await house.key()}"),
        ("Client-Request-ID", "one"),
        ("Content-Length", "10"),
        ("Content-Range", "bytes 0-9/1000001"),
    ]
    answer = await call(house.app, "POST", "/attachments", headers, [b"0123456789"])
    assert error_of(answer) == (413, "payload_too_large")
    assert answer.taken == 0


async def test_the_last_part_that_says_a_name_or_type_decides(ann: httpx.AsyncClient) -> None:
    curl = "application/x-www-form-urlencoded"
    await send(ann, 400, 512, Content_Type="text/plain")
    await send(ann, 0, 100, Content_Disposition="attachment; filename=first")
    await send(ann, 100, 200, Content_Disposition="attachment; filename=second")
    await send(ann, 200, 300, Content_Type="image/png")
    last = await send(ann, 300, 400, Content_Type=curl)
    kept = last.json()["attachment"]
    assert (kept["name"], kept["content_type"]) == ("second", "image/png")


async def test_a_part_may_announce_its_digest_and_that_of_the_whole(
    house: Installation, ann: httpx.AsyncClient
) -> None:
    def digest(data: bytes, name: str = "sha256", algorithm: str = "sha-256") -> str:
        value = base64.b64encode(hashlib.new(name, data, usedforsecurity=False).digest())
        return f"{algorithm}=:{value.decode()}:"

    wrong_part = await send(ann, 0, 100, Content_Digest=digest(b"?"))
    assert error_of(wrong_part) == (400, "digest_mismatch")
    part = await send(ann, 0, 100, Content_Digest=digest(DATA[:100]), Repr_Digest=digest(DATA))
    assert part.status_code == 202
    wrong_whole = await send(ann, 100, 512, Repr_Digest=digest(b"?"))
    assert error_of(wrong_whole) == (400, "digest_mismatch")
    assert await listed(ann) == []
    whole = await send(ann, 100, 512, Repr_Digest=digest(DATA, "sha512", "sha-512"))
    assert whole.json()["attachment"]["digest"] == sha3(DATA)


async def test_an_upload_stays_open_as_long_as_parts_keep_coming(
    house: Installation, ann: httpx.AsyncClient
) -> None:
    for start in (0, 100, 200, 300):
        assert (await send(ann, start, start + 100)).status_code == 202
        house.clock.advance(DAY - 1)
    assert (await send(ann, 400, 512)).status_code == 200


async def test_an_upload_that_ran_out_of_time_starts_afresh(
    house: Installation, ann: httpx.AsyncClient
) -> None:
    await send(ann, 0, 500)
    house.clock.advance(DAY)
    assert (await send_part(ann, "one", b"y" * 100, 0, 200)).status_code == 202
    whole = await send_part(ann, "one", b"y" * 100, 100, 200)
    assert whole.json()["attachment"]["digest"] == sha3(b"y" * 200)
    house.clock.advance(60 + 1)
    await house.services.reaping.sweep()
    assert await holdings(house, ann) == (200, 1)
    assert len(house.blobs()) == 2


async def test_an_upload_that_nobody_ends_is_swept(
    house: Installation, ann: httpx.AsyncClient
) -> None:
    await send(ann, 0, 500)
    assert await holdings(house, ann) == (512, 0)
    house.clock.advance(DAY + 61)
    assert len((await house.services.reaping.sweep()).expired) == 1
    await assert_nothing_is_left(house, ann)


async def test_a_completed_upload_is_as_young_as_its_completion(
    house: Installation, ann: httpx.AsyncClient
) -> None:
    await send(ann, 0, 100)
    house.clock.advance(3600)
    newer = await upload(ann, b"between")
    house.clock.advance(3600)
    kept = (await send(ann, 100, 512)).json()["attachment"]
    now = house.clock.now() // 1000
    assert (kept["created_at"], kept["expires_at"]) == (now, now + DAY)
    assert await listed(ann) == [sha3(DATA), newer]


async def test_parts_make_way_for_what_is_there_already(
    house: Installation, ann: httpx.AsyncClient
) -> None:
    await send(ann, 0, 100)
    await upload(ann, DATA)
    await send(ann, 100, 512)
    assert await listed(ann) == [sha3(DATA)]
    assert await holdings(house, ann) == (512, 1)


async def test_users_do_not_meet_under_one_request_id(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient, eve: httpx.AsyncClient
) -> None:
    await send(ann, 0, 100)
    for other in (bob, eve):
        assert (await send_part(other, "one", b"y", 0, 2)).status_code == 202
    assert (await send(ann, 100, 512)).status_code == 200
    for other in (bob, eve):
        assert await listed(other) == []
        answer = await send_part(other, "one", b"y", 1, 2)
        assert answer.json()["attachment"]["digest"] == sha3(b"yy")


async def test_an_upload_reserves_its_whole_size(tmp_path: Path) -> None:
    async with (
        installation(tmp_path, dialects="campr", quota_bytes=1000, inline_max=16) as house,
        house.client() as ann,
    ):
        assert (await send(ann, 0, 100)).status_code == 202
        assert error_of(await send(ann, 0, 100, "two")) == (507, "quota_exceeded")
        assert await holdings(house, ann) == (512, 0)
        assert (await send(ann, 100, 512)).status_code == 200
        assert (await send(ann, 100, 512)).status_code == 200
        assert await holdings(house, ann) == (512, 1)


async def test_open_uploads_are_counted(tmp_path: Path) -> None:
    async with (
        installation(tmp_path, dialects="campr", max_open_uploads=2, max_parts=2) as house,
        house.client() as ann,
    ):
        assert (await send(ann, 0, 1, "one")).status_code == 202
        assert (await send(ann, 0, 1, "two")).status_code == 202
        assert error_of(await send(ann, 0, 1, "three")) == (409, "conflict")
        assert (await send(ann, 1, 2, "one")).status_code == 202
        assert error_of(await send(ann, 2, 512, "one")) == (409, "conflict")
