"""/coatcheck/v1/uploads: the same client against a folder, and against a real S3 store that takes the bytes itself."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from coatcheck.blobs.base import BlobKey
from coatcheck.web.dialects import DIALECTS
from tests import deeds
from tests.books import assert_books_balance
from tests.core import lay_out
from tests.engines import seaweed
from tests.kit import Installation, installation
from tests.web.dialects.native.asks import ATTACHMENTS, ROOT, problem, sha256, told

UPLOADS = f"{ROOT}/uploads"
CONTENT = bytes(range(256)) * 1000
HOUR = 3600


@pytest.fixture(params=["folder", "s3"])
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Installation]:
    settings: dict[str, Any] = {}
    if request.param == "s3":
        lay_out(tmp_path)
        settings["blobs_url"] = seaweed.s3_url("uploads")
        (tmp_path / "blobs.url").write_text(settings["blobs_url"])
    async with installation(
        tmp_path,
        dialects=tuple(DIALECTS),
        rate_limits="off",
        inline_max=16,
        max_size=1_000_000,
        quota_bytes=1_000_000,
        max_open_uploads=3,
        max_parts=50,
        **settings,
    ) as place:
        yield place
        assert_books_balance(place)


@pytest.fixture
async def ann(house: Installation) -> AsyncIterator[httpx.AsyncClient]:
    async with house.client() as client:
        yield client


def is_direct(house: Installation) -> bool:
    return house.settings.blobs_url.startswith("s3:")


async def begun(client: httpx.AsyncClient, size: int = len(CONTENT), **more: Any) -> Any:
    body = {"name": "film.mp4", "size": size, "part_size": 100_000, **more}
    return told(await client.post(UPLOADS, json=body), 201)


async def send(
    client: httpx.AsyncClient, part: Any, content: bytes = CONTENT, **headers: str
) -> httpx.Response:
    """As any client does: where it is told to, with the key only where that is asked for."""
    put = part["put"]
    piece = content[part["start"] : part["start"] + part["size"]]
    if put["with_key"]:
        return await client.put(put["url"], content=piece, headers=put["headers"] | headers)
    async with httpx.AsyncClient() as anybody:
        return await anybody.put(put["url"], content=piece, headers=put["headers"] | headers)


async def send_all(client: httpx.AsyncClient, upload: Any, content: bytes = CONTENT) -> None:
    for part in upload["parts"]:
        if part["put"]:
            assert (await send(client, part, content)).is_success


async def complete(client: httpx.AsyncClient, upload: Any) -> httpx.Response:
    return await client.post(f"{UPLOADS}/{upload['id']}/complete")


async def look(client: httpx.AsyncClient, upload: Any, **query: str) -> Any:
    return told(await client.get(f"{UPLOADS}/{upload['id']}", params=query))


async def test_an_upload_in_parts_is_an_attachment_when_it_is_completed(
    house: Installation, ann: httpx.AsyncClient
):
    upload = await begun(ann, digest=sha256(CONTENT))
    assert [part["size"] for part in upload["parts"]] == [100_000, 100_000, 56_000]
    assert {part["put"]["with_key"] for part in upload["parts"]} == {not is_direct(house)}
    await send_all(ann, upload)
    assert told(await ann.get(ATTACHMENTS))["attachments"] == []
    made = told(await complete(ann, upload))
    assert (made["name"], made["media_type"], made["size"]) == ("film.mp4", "video/mp4", 256_000)
    assert made["digests"]["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert (await ann.get(made["url"])).content == CONTENT


async def test_completing_twice_is_answered_the_same(ann: httpx.AsyncClient):
    upload = await begun(ann)
    await send_all(ann, upload)
    first, second = [told(await complete(ann, upload)) for _ in range(2)]
    assert first == second
    seen = await look(ann, upload, urls="true")
    assert (seen["state"], seen["attachment"]["id"]) == ("complete", first["id"])
    assert not any(part["put"] for part in seen["parts"])
    assert len(told(await ann.get(ATTACHMENTS))["attachments"]) == 1


async def test_what_is_missing_is_named_and_nothing_is_lost(ann: httpx.AsyncClient):
    upload = await begun(ann)
    await send(ann, upload["parts"][1])
    refused = await complete(ann, upload)
    assert problem(refused) == (400, "incomplete")
    assert refused.json()["missing"] == [1, 3]
    seen = await look(ann, upload, urls="true")
    assert [part["there"] for part in seen["parts"]] == [False, True, False]
    assert (seen["received"], seen["parts"][1]["put"]) == (100_000, None)
    await send_all(ann, seen)
    assert told(await complete(ann, upload))["size"] == 256_000


async def test_a_part_of_another_size_is_not_taken(ann: httpx.AsyncClient):
    upload = await begun(ann)
    part = upload["parts"][2]
    for size in (55_999, 56_001):
        sent = {"Content-Length": str(size)}
        answer = await send(ann, {**part, "size": size}, CONTENT + b"x", **sent)
        assert 400 <= answer.status_code < 500
    assert [each["there"] for each in (await look(ann, upload))["parts"]] == [False] * 3


@pytest.mark.parametrize("house", ["s3"], indirect=True)
async def test_an_object_of_another_size_counts_for_nothing_and_its_part_gets_another_key(
    house: Installation, ann: httpx.AsyncClient
):
    upload = await begun(ann, size=10, part_size=10)
    url = upload["parts"][0]["put"]["url"]
    key = url.partition("?")[0].rpartition("/")[2]

    async def short() -> AsyncIterator[bytes]:
        yield b"short"

    await house.services.blobs.put(BlobKey(key), short())
    refused = await complete(ann, upload)
    assert problem(refused) == (400, "incomplete")
    assert "another size" in refused.json()["detail"]
    fresh = await look(ann, upload, urls="true")
    assert key not in fresh["parts"][0]["put"]["url"]
    await send_all(ann, fresh, b"0123456789")
    made = told(await complete(ann, upload))
    assert (await ann.get(made["url"])).content == b"0123456789"
    house.clock.advance(2 * HOUR + 1)
    await house.services.reaping.sweep()
    assert_books_balance(house, settled=True)


async def test_bytes_that_are_not_those_announced_are_never_seen(ann: httpx.AsyncClient):
    upload = await begun(ann, digest={"sha-256": "0" * 64})
    await send_all(ann, upload)
    for _ in range(2):
        assert problem(await complete(ann, upload)) == (400, "digest_mismatch")
    assert told(await ann.get(ATTACHMENTS))["attachments"] == []
    assert (await ann.delete(f"{UPLOADS}/{upload['id']}")).status_code == 204


async def test_a_part_is_stored_once(house: Installation, ann: httpx.AsyncClient):
    upload = await begun(ann)
    await send_all(ann, upload)
    made = told(await complete(ann, upload))
    again = await send(ann, upload["parts"][0], CONTENT[::-1])
    assert again.status_code == (412 if is_direct(house) else 409)
    assert (await ann.get(made["url"])).content == CONTENT


async def test_the_same_part_through_the_node_and_past_it_agrees_or_is_refused(
    ann: httpx.AsyncClient,
):
    upload = await begun(ann)
    await send_all(ann, upload)
    await look(ann, upload)
    here = f"{UPLOADS}/{upload['id']}/parts/1"
    assert (await ann.put(here, content=CONTENT[:100_000])).status_code == 204
    assert problem(await ann.put(here, content=bytes(100_000))) == (409, "overlap")
    assert told(await complete(ann, upload))["size"] == 256_000


async def test_quota_is_held_from_the_begin_to_the_end(ann: httpx.AsyncClient):
    async def usage() -> tuple[int, int]:
        given = told(await ann.get(f"{ROOT}/usage"))["bytes"]
        return given["used"], given["reserved"]

    upload = await begun(ann)
    assert await usage() == (0, 256_000)
    refused = await ann.post(UPLOADS, json={"size": 744_001})
    assert problem(refused) == (507, "quota_exceeded")
    await send_all(ann, upload)
    assert await usage() == (0, 256_000)
    await complete(ann, upload)
    assert await usage() == (256_000, 0)
    other = await begun(ann, size=744_000)
    assert await usage() == (256_000, 744_000)
    await ann.delete(f"{UPLOADS}/{other['id']}")
    # What the store may still be sent keeps its room until it may not any more.
    offered = any(part["put"] and not part["put"]["with_key"] for part in other["parts"])
    assert await usage() == (256_000, 744_000 if offered else 0)


async def test_the_same_key_begins_one_upload(ann: httpx.AsyncClient):
    body = {"size": 10, "name": "a"}
    one, two = [
        told(await ann.post(UPLOADS, json=body, headers={"Idempotency-Key": "k"}), 201)
        for _ in range(2)
    ]
    assert one["id"] == two["id"]
    other = await ann.post(UPLOADS, json={"size": 11}, headers={"Idempotency-Key": "k"})
    assert problem(other) == (422, "replay_mismatch")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "missing"),
        ({"size": 0}, 400, "invalid_request"),
        ({"size": "1"}, 400, "invalid_request"),
        ({"size": True}, 400, "invalid_request"),
        ({"size": 1, "part_size": 0}, 400, "invalid_request"),
        ({"size": 1, "sise": 1}, 400, "invalid_request"),
        ({"size": 1, "digest": "md5:00"}, 400, "invalid_request"),
        ({"size": 1, "digest": {"sha-256": "00"}}, 400, "invalid_request"),
        ({"size": 1, "name": ".."}, 400, "bad_name"),
        ({"size": 1_000_001}, 413, "too_large"),
        ({"size": 1000, "part_size": 1}, 409, "too_many"),
        ([], 400, "invalid_request"),
    ],
)
async def test_what_cannot_be_begun_is_refused(
    ann: httpx.AsyncClient, body: Any, status: int, code: str
):
    assert problem(await ann.post(UPLOADS, json=body)) == (status, code)
    assert told(await ann.get(f"{ROOT}/usage"))["bytes"]["reserved"] == 0


async def test_there_are_so_many_open_uploads_and_no_more(ann: httpx.AsyncClient):
    for _ in range(3):
        await begun(ann, size=10)
    assert problem(await ann.post(UPLOADS, json={"size": 10})) == (409, "too_many")


async def test_another_s_upload_looks_like_none(house: Installation, ann: httpx.AsyncClient):
    upload = await begun(ann, size=10)
    await send_all(ann, upload, b"0123456789")
    for tenant, login in (("acme", "bob"), ("evil", "eve")):
        async with house.client(tenant, login) as other:
            for method, path in (
                ("GET", ""),
                ("GET", "?urls=true"),
                ("PUT", "/parts/1"),
                ("POST", "/complete"),
                ("DELETE", ""),
            ):
                foreign = await other.request(method, f"{UPLOADS}/{upload['id']}{path}")
                unknown = await other.request(method, f"{UPLOADS}/{'a' * 16}{path}")
                assert foreign.status_code == 404
                assert foreign.content == unknown.content
    assert told(await complete(ann, upload))["size"] == 10
    for path in ("x", "a%00b", "1"):
        assert problem(await ann.get(f"{UPLOADS}/{path}")) == (404, "not_found")
    for number in ("0", "2", "x", "-1"):
        path = f"{UPLOADS}/{upload['id']}/parts/{number}"
        assert problem(await ann.put(path, content=b"0")) == (404, "not_found")


async def test_an_abandoned_upload_leaves_nothing_even_where_it_is_sent_to_afterwards(
    house: Installation, ann: httpx.AsyncClient
):
    upload = await begun(ann)
    await send(ann, upload["parts"][0])
    await look(ann, upload)  # this one is recorded
    await send(ann, upload["parts"][1])  # this is not
    assert (await ann.delete(f"{UPLOADS}/{upload['id']}")).status_code == 204
    assert (await ann.get(f"{UPLOADS}/{upload['id']}")).status_code == 404
    await house.services.reaping.sweep()
    late = [await send(ann, part) for part in upload["parts"]]
    assert [answer.is_success for answer in late] == (
        [True, False, True] if is_direct(house) else [False] * 3
    )
    house.clock.advance(2 * HOUR + 1)
    await house.services.reaping.sweep()
    assert house.blobs() == []
    assert_books_balance(house, settled=True)


async def test_a_deleted_attachment_stays_deleted_although_its_parts_are_sent_again(
    house: Installation, ann: httpx.AsyncClient
):
    upload = await begun(ann)
    await send_all(ann, upload)
    made = told(await complete(ann, upload))
    assert (await ann.delete(f"{ATTACHMENTS}/{made['id']}")).status_code == 204
    late = [(await send(ann, part)).is_success for part in upload["parts"]]
    assert late == [is_direct(house)] * 3
    assert (await ann.get(f"{UPLOADS}/{upload['id']}")).status_code == 404
    house.clock.advance(2 * HOUR + 1)
    await house.services.reaping.sweep()
    assert house.blobs() == []
    assert_books_balance(house, settled=True)


async def test_an_upload_that_is_forgotten_is_swept(house: Installation, ann: httpx.AsyncClient):
    upload = await begun(ann)
    await send(ann, upload["parts"][0])
    house.clock.advance(25 * HOUR)
    assert (await ann.get(f"{UPLOADS}/{upload['id']}")).status_code == 404
    await house.services.reaping.sweep()
    assert house.blobs() == []
    assert told(await ann.get(f"{ROOT}/usage"))["bytes"]["reserved"] == 0
    assert_books_balance(house, settled=True)


async def test_a_part_that_a_sweep_has_taken_is_sent_again_under_another_key(
    house: Installation, ann: httpx.AsyncClient
):
    upload = await begun(ann)
    await send_all(ann, upload)
    house.clock.advance(3 * HOUR)
    await house.services.reaping.sweep()
    seen = await look(ann, upload, urls="true")
    assert all(part["there"] for part in seen["parts"]) == (not is_direct(house))
    old = {part["put"]["url"] for part in upload["parts"]}
    if is_direct(house):
        assert not old & {part["put"]["url"] for part in seen["parts"]}
    await send_all(ann, seen)
    made = told(await complete(ann, upload))
    assert (await ann.get(made["url"])).content == CONTENT


async def test_the_checker_finds_nothing_wrong_at_any_stage(
    house: Installation, ann: httpx.AsyncClient
):
    upload = await begun(ann)
    await send(ann, upload["parts"][0])
    assert await deeds.findings(house, rehash=True) == []
    await look(ann, upload)
    assert await deeds.findings(house, rehash=True) == []
    await send(ann, upload["parts"][1])
    await send(ann, upload["parts"][2])
    await complete(ann, upload)
    assert await deeds.findings(house, rehash=True) == []
