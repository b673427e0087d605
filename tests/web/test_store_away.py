"""The blob store goes away and comes back: clients are told when to come again, and nothing is lost or left."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.engines.proxy import Proxy, proxied
from tests.engines.seaweed import s3_url, shared_endpoint, url
from tests.kit import Installation, installation

CONTENT = bytes(range(256)) * 4000


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    s3_url("away")  # for its credentials
    async with proxied(shared_endpoint()) as proxy:
        yield proxy


@pytest.fixture
async def house(tmp_path: Path, proxy: Proxy) -> AsyncIterator[Installation]:
    blobs = url(proxy.endpoint, "away", timeout=2)
    async with installation(tmp_path, blobs_url=blobs, rate_limits="off") as house:
        yield house


@pytest.fixture
async def client(house: Installation) -> AsyncIterator[httpx.AsyncClient]:
    async with house.client() as client:
        yield client


async def test_while_the_store_is_away_bytes_are_503_and_all_else_goes_on(
    house: Installation, client: httpx.AsyncClient, proxy: Proxy
):
    made = await client.post("/attachments", content=CONTENT)
    path = f"/attachments/{made.json()['attachment']['digest']}"

    proxy.break_at("there", 0, every=True)
    for answer in (
        await client.get(path),
        await client.post("/attachments", content=CONTENT + b"2"),
    ):
        assert answer.status_code == 503, answer.text
        assert int(answer.headers["retry-after"]) > 0
        assert "127.0.0.1" not in answer.text
    assert (await client.get("/attachments")).status_code == 200
    small = await client.post("/attachments", content=b"small enough for the database")
    assert small.is_success

    proxy.heal()
    assert (await client.get(path)).content == CONTENT
    assert (await client.post("/attachments", content=CONTENT + b"2")).is_success
    house.clock.advance(seconds=3600)
    await house.services.reaping.sweep()
    assert len([key async for key in house.services.blobs.keys()]) == 2  # noqa: SIM118


async def test_an_upload_whose_store_dies_halfway_leaves_neither_row_nor_blob_nor_reservation(
    house: Installation, client: httpx.AsyncClient, proxy: Proxy
):
    proxy.break_at("there", 500_000, every=True)
    answer = await client.post("/attachments", content=CONTENT)
    assert answer.status_code == 503
    assert proxy.fired
    proxy.heal()
    house.clock.advance(seconds=3600)
    await house.services.reaping.sweep()
    assert (await client.get("/attachments")).json()["attachments"] == []
    assert [key async for key in house.services.blobs.keys()] == []  # noqa: SIM118


async def test_once_it_is_known_to_be_away_no_body_is_read_that_would_need_it(
    client: httpx.AsyncClient, proxy: Proxy
):
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        for at in range(0, len(CONTENT), 100_000):
            read += 1
            yield CONTENT[at : at + 100_000]

    proxy.break_at("there", 0, every=True)
    assert (await client.get("/-/ready")).json()["checks"]["blobs"] != "ok"
    for head in ({}, {"Content-Length": str(len(CONTENT))}):
        answer = await client.post("/attachments", content=body(), headers=head)
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
    assert read == 0
    assert (await client.post("/attachments", content=b"fits into a row")).is_success

    proxy.heal()
    assert (await client.post("/attachments", content=body())).is_success
    assert read > 1


async def test_a_download_that_the_store_breaks_off_goes_on_without_its_client_noticing(
    client: httpx.AsyncClient, proxy: Proxy
):
    made = await client.post("/attachments", content=CONTENT)
    path = f"/attachments/{made.json()['attachment']['digest']}"
    proxy.break_at("back", 600_000)
    answer = await client.get(path)
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert proxy.fired == 1
