"""Claims: all or nothing, a reason for each that is refused, leases, exact sets, releases."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from tests.kit import Installation
from tests.web.dialects.native.asks import (
    ATTACHMENTS,
    CLAIMS,
    POST_1,
    claim,
    held,
    leave,
    problem,
    reasons,
    sha3,
    sha256,
    state,
    told,
)

DAY = 24 * 3600


async def several(client: httpx.AsyncClient, count: int) -> list[int]:
    return [(await leave(client, b"%d" % n * 20))["id"] for n in range(count)]


async def test_a_container_takes_what_it_names_and_calls_it_as_it_likes(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient
):
    one, two = await several(ann, 2)
    answer = await claim(ann, {"id": one, "name": "me.png", "media_type": "image/png"}, two, id=7)
    made = told(answer)
    assert answer.headers["location"] == f"http://coatcheck.test{CLAIMS}/post/7"
    assert made["container"] == {"kind": "post", "id": "7"}
    shown = [(each["id"], each["name"], each["state"]) for each in made["attachments"]]
    assert shown == [(one, "me.png", "claimed"), (two, None, "claimed")]
    assert made["attachments"][0]["containers"] == [made["container"]]
    assert made["attachments"][0]["expires_at"] is None
    assert told(await ann.get(answer.headers["location"])) == made
    assert (await bob.get(made["attachments"][0]["url"])).status_code == 200


async def test_the_same_claim_again_is_the_same_success(ann: httpx.AsyncClient):
    await leave(ann, b"twice")
    await leave(ann, b"twice")  # by its digest, one of the two is claimed, and the same one again
    item: Any
    for item in ({"digest": sha256(b"twice")}, (await several(ann, 1))[0]):
        first = await claim(ann, item)
        again = await claim(ann, item)
        assert told(first) == told(again)
    assert len(await held(ann)) == 2


async def test_every_refused_one_has_its_reason_and_nothing_is_changed(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient, house: Installation
):
    stale = await leave(ann, b"stale")
    house.clock.advance(2 * DAY)
    good, taken, other = await several(ann, 3)
    foreign = (await leave(bob, b"bob's"))["id"]
    part = {"Client-Request-ID": "u", "Content-Range": "bytes 0-4/10"}
    assert (await ann.post("/attachments", content=b"01234", headers=part)).status_code == 202
    incomplete = other + 2
    told(await claim(ann, taken, id="2"))
    answer = await claim(
        ann,
        good,
        stale["id"],
        stale["public_id"],
        taken,
        {"id": other, "digest": sha256(b"something else")},
        foreign,
        99999,
        "no such form",
        incomplete,
        {"token": "a/b.png"},
    )
    assert answer.status_code == 404
    assert reasons(answer) == [
        (stale["id"], "/attachments/1", "expired"),
        (stale["public_id"], "/attachments/2", "expired"),
        (taken, "/attachments/3", "claimed"),
        (other, "/attachments/4", "digest_mismatch"),
        (foreign, "/attachments/5", "not_found"),
        (99999, "/attachments/6", "not_found"),
        ("no such form", "/attachments/7", "not_found"),
        (incomplete, "/attachments/8", "incomplete"),
        ("a/b.png", "/attachments/9", "not_found"),
    ]
    assert await state(ann, good) == await state(ann, other) == "detached"
    assert problem(await ann.get(POST_1)) == (404, "not_found")
    rest = {"Client-Request-ID": "u", "Content-Range": "bytes 5-9/10"}
    assert (await ann.post("/attachments", content=b"56789", headers=rest)).status_code == 200
    await house.services.reaping.sweep()


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (lambda id: id, "claimed"),
        (lambda id: {"id": id, "digest": sha256(b"other")}, "digest_mismatch"),
    ],
)
async def test_a_conflict_is_told_as_one(item: Any, reason: str, ann: httpx.AsyncClient):
    (id,) = await several(ann, 1)
    told(await claim(ann, id, id="2"))
    answer = await claim(ann, item(id))
    assert answer.status_code == 409
    assert reasons(answer) == [(id, "/attachments/0", reason)]


async def test_a_digest_that_is_right_is_no_hindrance(ann: httpx.AsyncClient):
    made = await leave(ann, b"right")
    told(await claim(ann, {"id": made["id"], "digest": sha3(b"right")}))
    told(await claim(ann, {"id": made["public_id"], "digest": sha256(b"right")}))


async def test_several_containers_may_share_one_where_all_say_so(ann: httpx.AsyncClient):
    (id,) = await several(ann, 1)
    told(await claim(ann, id, id="1", exclusive=False))
    told(await claim(ann, id, id="2", exclusive=False))
    assert problem(await claim(ann, id, id="3")) == (409, "already_claimed")
    assert (await ann.delete(POST_1)).status_code == 204
    assert await state(ann, id) == "claimed"


@pytest.mark.parametrize("rounds", [5, pytest.param(100, marks=pytest.mark.thorough)])
async def test_of_exclusive_claims_at_once_one_wins_whole(ann: httpx.AsyncClient, rounds: int):
    for round in range(rounds):
        ids = await several(ann, 3)
        pairs = [ids[:2], ids[1:], [ids[0], ids[2]]]
        answers = await asyncio.gather(
            *(claim(ann, *pair, id=f"{round}-{n}") for n, pair in enumerate(pairs))
        )
        (winner,) = [n for n, each in enumerate(answers) if each.status_code == 200]
        assert {each.status_code for each in answers} == {200, 409}
        assert await held(ann, f"{CLAIMS}/post/{round}-{winner}") == pairs[winner]
        (left,) = set(ids) - set(pairs[winner])
        assert await state(ann, left) == "detached"


async def test_a_key_makes_a_claim_happen_once(ann: httpx.AsyncClient):
    one, two = await several(ann, 2)
    told(await claim(ann, one, key="k"))
    assert (await ann.delete(POST_1)).status_code == 204
    assert told(await claim(ann, one, key="k"))["attachments"] == []  # not done a second time
    assert await state(ann, one) == "detached"
    assert problem(await claim(ann, two, key="k")) == (422, "replay_mismatch")
    assert problem(await claim(ann, two, key="bad key")) == (400, "malformed")


@pytest.mark.parametrize("lease", [{"lease": 600}, {"expires_at": "2025-06-15T17:16:40+02:00"}])
async def test_a_lease_lapses_unless_it_is_renewed(
    lease: dict[str, Any], ann: httpx.AsyncClient, house: Installation
):
    (id,) = await several(ann, 1)
    made = told(await claim(ann, id, kind="draft", **lease))
    assert made["attachments"][0]["expires_at"] == "2025-06-15T15:16:40.000Z"
    house.clock.advance(500)
    told(await claim(ann, id, kind="draft", lease=600))
    house.clock.advance(500)
    await house.services.reaping.sweep()
    assert await state(ann, id) == "claimed"
    house.clock.advance(200)
    await house.services.reaping.sweep()
    assert await state(ann, id) == "detached"
    assert await held(ann, f"{CLAIMS}/draft/1") == []
    told(await claim(ann, id, kind="draft", lease=600))
    told(await claim(ann, id, kind="draft"))  # without a lease, it stays
    house.clock.advance(10 * DAY)
    await house.services.reaping.sweep()
    assert await state(ann, id) == "claimed"


async def test_what_is_released_is_named_without_members_that_are_not_known(
    ann: httpx.AsyncClient,
):
    (id,) = await several(ann, 1)
    told(await claim(ann, id))
    answer = await ann.request("DELETE", POST_1, json={"attachments": [id], "delete": True})
    assert problem(answer) == (400, "invalid_request")
    assert await state(ann, id) == "claimed"


async def test_an_exact_claim_is_the_whole_set_in_its_order(
    ann: httpx.AsyncClient, house: Installation
):
    one, two, three, four = await several(ann, 4)
    told(await claim(ann, one, two, three))
    house.clock.advance(2 * DAY)
    (four,) = await several(ann, 1)
    exactly = {"attachments": [four, {"id": two, "name": "second"}]}
    for _ in range(2):
        made = told(await ann.put(POST_1, json=exactly))
        shown = [(each["id"], each["name"]) for each in made["attachments"]]
        assert shown == [(four, None), (two, "second")]
    released = told(await ann.get(f"{ATTACHMENTS}/{one}"))
    assert (released["state"], released["expires_at"]) == ("detached", "2025-06-18T15:06:40.000Z")
    refused = await ann.put(POST_1, json={"attachments": [one, 99999]})
    assert reasons(refused) == [(99999, "/attachments/1", "not_found")]
    assert await held(ann) == [four, two]
    told(await ann.put(POST_1, params={"delete": "true"}, json={"attachments": [two]}))
    assert await state(ann, four) is None
    told(await ann.put(POST_1, json={"attachments": []}))
    assert await held(ann) == []
    assert await state(ann, two) == "detached"
    await house.services.reaping.sweep()


async def test_a_release_gives_up_what_it_names_or_all(ann: httpx.AsyncClient):
    ids = [(await leave(ann, b"file %d" % n))["id"] for n in range(6)]
    told(await claim(ann, *ids))
    query = {"attachment": [str(ids[0]), sha3(b"file 1")]}
    assert (await ann.delete(POST_1, params=query)).status_code == 204
    listed = await ann.request("DELETE", POST_1, json={"attachments": [{"id": ids[2]}]})
    assert listed.status_code == 204
    gone = await ann.request("DELETE", POST_1, params={"delete": "true"}, json=[ids[3]])
    assert gone.status_code == 204
    assert await held(ann) == ids[4:]
    assert [await state(ann, id) for id in ids[:4]] == ["detached"] * 3 + [None]
    refused = await ann.delete(POST_1, params={"attachment": [str(ids[4]), str(ids[0])]})
    assert reasons(refused) == [(str(ids[0]), "/attachments/1", "not_found")]
    assert await held(ann) == ids[4:]
    assert (await ann.delete(POST_1)).status_code == 204
    assert await held(ann) == []
    assert problem(await ann.delete(f"{CLAIMS}/post/never")) == (404, "not_found")


async def test_a_hosts_posts_are_not_the_posts_that_another_api_keeps(ann: httpx.AsyncClient):
    made = await leave(ann, b"campr")
    digest = sha3(b"campr").partition(":")[2]
    post = {"type": "https://a.test/t", "content": {}, "attachments": [digest]}
    kept = told(await ann.post("/posts", json=post))["post"]["id"]
    (mine,) = await several(ann, 1)
    told(await claim(ann, mine, id=kept))
    assert await held(ann, f"{CLAIMS}/campr.post/{kept}") == [made["id"]]
    assert await held(ann, f"{CLAIMS}/post/{kept}") == [mine]
    assert len(told(await ann.get("/posts"))["posts"]) == 1
    shown = told(await ann.get(f"{ATTACHMENTS}/{made['id']}"))
    assert shown["containers"] == [{"kind": "campr.post", "id": kept}]
    for refused in (
        await claim(ann, mine, kind="campr.post", id=kept),
        await ann.put(f"{CLAIMS}/campr.post/{kept}", json={"attachments": []}),
        await ann.delete(f"{CLAIMS}/campr.post/{kept}"),
    ):
        assert problem(refused) == (403, "forbidden")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ([], ""),
        ({"attachments": [1]}, "/container"),
        ({"container": "post:1", "attachments": [1]}, "/container"),
        ({"container": {"kind": "post"}, "attachments": [1]}, "/container"),
        ({"container": {"kind": "po st", "id": "1"}, "attachments": [1]}, "/container"),
        ({"container": {"kind": "post", "id": "a/b"}, "attachments": [1]}, "/container"),
        ({"container": {"kind": "post", "id": ".."}, "attachments": [1]}, "/container"),
        ({"container": {"kind": "post", "id": "1"}}, "/attachments"),
        ({"container": {"kind": "post", "id": "1"}, "attachments": []}, "/attachments"),
        ({"container": {"kind": "post", "id": "1"}, "attachments": "id1"}, "/attachments"),
        ({"container": {"kind": "post", "id": "1"}, "attachments": [1] * 501}, "/attachments"),
        ({"container": {"kind": "post", "id": "1"}, "attachments": [None]}, "/attachments/0"),
        ({"container": {"kind": "post", "id": "1"}, "attachments": [True]}, "/attachments/0"),
        ({"container": {"kind": "post", "id": "1"}, "attachments": [{}]}, "/attachments/0"),
        (
            {"container": {"kind": "post", "id": "1"}, "attachments": [{"id": [1]}]},
            "/attachments/0/id",
        ),
        (
            {"container": {"kind": "post", "id": "1"}, "attachments": [{"digest": "0" * 64}]},
            "/attachments/0/digest",
        ),
        (
            {"container": {"kind": "post", "id": "1"}, "attachments": [{"id": 1, "state": "x"}]},
            "/attachments/0/state",
        ),
        (
            {"container": {"kind": "post", "id": "1"}, "attachments": [1], "exclusiv": True},
            "/exclusiv",
        ),
        ({"container": {"kind": "post", "id": "1"}, "attachments": [1], "lease": 0}, "/lease"),
        (
            {"container": {"kind": "post", "id": "1"}, "attachments": [1], "expires_at": "soon"},
            "/expires_at",
        ),
        (
            {
                "container": {"kind": "post", "id": "1"},
                "attachments": [1],
                "expires_at": "2020-01-01T00:00:00Z",
            },
            "/expires_at",
        ),
    ],
)
async def test_a_claim_that_is_not_valid_is_told_by_its_place(
    body: object, pointer: str, ann: httpx.AsyncClient
):
    answer = await ann.post(CLAIMS, json=body)
    assert problem(answer)[0] == 400
    assert answer.json()["pointer"] == pointer
