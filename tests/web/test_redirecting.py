"""COATCHECK_REDIRECT_DOWNLOADS: which downloads are sent to the S3 store itself, and what clients get there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from coatcheck.web.dialects import DIALECTS
from tests.engines.seaweed import s3_url, shared_endpoint
from tests.kit import Installation, installation

CONTENT = b"<script>alert(1)</script>" * 1000
NATIVE = "/coatcheck/v1"
NAMED = {"Content-Type": "text/html", "Content-Disposition": 'attachment; filename="a.html"'}
FILE = {"file": ("a.html", CONTENT, "text/html")}

REDIRECTING = ("attachfast", "tracker", "chat", "native")
ITSELF = ("campr", "openproject")


def installed(tmp_path: Path, **settings: Any) -> Any:
    given = {"blobs_url": s3_url("redirects"), "redirect_downloads": "on", **settings}
    return installation(
        tmp_path, dialects=tuple(DIALECTS), rate_limits="off", inline_max=16, **given
    )


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Installation]:
    async with installed(tmp_path) as house:
        yield house


@pytest.fixture
async def client(house: Installation) -> AsyncIterator[httpx.AsyncClient]:
    async with house.client() as client:
        yield client


async def told(answer: httpx.Response) -> Any:
    assert answer.is_success, answer.text
    return answer.json()


async def left(client: httpx.AsyncClient, dialect: str) -> str:
    """Leaves it through that API; the path, or the URL, under which the API has its bytes read."""
    match dialect:
        case "campr":
            made = await told(await client.post("/attachments", content=CONTENT, headers=NAMED))
            return f"/attachments/{made['attachment']['digest']}"
        case "attachfast":
            return str((await told(await client.post("/api/files", files=FILE)))["url"])
        case "tracker":
            client.headers["X-Org-ID"] = "acme"
            made = await told(await client.post("/v2/attachments/", files=FILE))
            return f"/v2/attachments/{made['id']}/a.html"
        case "openproject":
            files = [("metadata", (None, b'{"fileName": "a.html"}', "application/json"))]
            answer = await client.post("/api/v3/attachments", files=[*files, *FILE.items()])
            return f"/api/v3/attachments/{(await told(answer))['id']}/content"
        case "chat":
            return str((await told(await client.post("/v1/attachments", files=FILE)))["file_url"])
        case _:
            answer = await client.post(f"{NATIVE}/attachments", content=CONTENT, headers=NAMED)
            return f"{NATIVE}/attachments/{(await told(answer))['public_id']}/content"


async def fetched(answer: httpx.Response, **headers: str) -> httpx.Response:
    """What the store says to whoever follows, without any credentials."""
    async with httpx.AsyncClient() as stranger:
        return await stranger.get(answer.headers["location"], headers=headers)


@pytest.mark.parametrize("dialect", REDIRECTING)
async def test_a_whole_file_is_downloaded_from_the_store_under_its_name_and_harmless(
    client: httpx.AsyncClient, dialect: str
):
    answer = await client.get(await left(client, dialect))
    assert answer.status_code == 302
    assert answer.headers["location"].startswith(shared_endpoint())
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.content == b""
    found = await fetched(answer)
    assert (found.status_code, found.content) == (200, CONTENT)
    assert found.headers["content-disposition"].startswith("attachment; filename=")
    part = await fetched(answer, range="bytes=3-9")
    assert (part.status_code, part.content) == (206, CONTENT[3:10])


@pytest.mark.parametrize("dialect", REDIRECTING)
@pytest.mark.parametrize(
    "condition",
    [
        {"If-None-Match": '"other"'},
        {"If-Match": "*"},
        {"If-Range": '"other"', "Range": "bytes=0-1"},
        {"If-Modified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"},
        {"If-Unmodified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"},
    ],
)
async def test_what_is_conditional_is_answered_here(
    client: httpx.AsyncClient, dialect: str, condition: dict[str, str]
):
    answer = await client.get(await left(client, dialect), headers=condition)
    assert (answer.status_code, answer.content) == (200, CONTENT)


@pytest.mark.parametrize("dialect", REDIRECTING)
async def test_a_head_and_a_range_that_cannot_be_are_answered_here(
    client: httpx.AsyncClient, dialect: str
):
    path = await left(client, dialect)
    beyond = await client.get(path, headers={"Range": f"bytes={len(CONTENT)}-"})
    assert beyond.status_code == 416
    head = await client.head(path)
    assert head.status_code in {200, 405}  # not every API has it
    assert "location" not in head.headers


@pytest.mark.parametrize("dialect", ITSELF)
async def test_an_api_whose_clients_do_not_follow_sends_the_bytes_itself(
    client: httpx.AsyncClient, dialect: str
):
    answer = await client.get(await left(client, dialect))
    assert (answer.status_code, answer.content) == (200, CONTENT)


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_nobody_is_redirected_unless_the_operator_says_so(tmp_path: Path, dialect: str):
    async with installed(tmp_path, redirect_downloads="off") as house, house.client() as client:
        answer = await client.get(await left(client, dialect))
        assert (answer.status_code, answer.content) == (200, CONTENT)


async def test_what_lies_in_several_blobs_or_in_a_row_is_sent_from_here(client: httpx.AsyncClient):
    data = {"total_size": str(2 * len(CONTENT)), "key": "k_1", "name": "a.html"}
    for number in (1, 2):
        file = {"file": ("blob", CONTENT, "application/octet-stream")}
        made = await client.post(
            "/api/large_files", files=file, data={**data, "chunk": str(number)}
        )
        assert made.is_success, made.text
    (whole,) = (await told(await client.get("/api/files")))["files"]
    answer = await client.get(whole["url"])
    assert (answer.status_code, answer.content) == (200, 2 * CONTENT)

    small = await client.post("/api/files", files={"file": ("a.txt", b"small")})
    answer = await client.get(small.json()["url"])
    assert (answer.status_code, answer.content) == (200, b"small")


async def test_a_store_of_files_cannot_send_and_is_not_asked_to(tmp_path: Path):
    async with installed(tmp_path, blobs_url="") as house, house.client() as client:
        answer = await client.get(await left(client, "attachfast"))
        assert (answer.status_code, answer.content) == (200, CONTENT)


@pytest.mark.parametrize("dialect", REDIRECTING)
async def test_a_blob_that_is_gone_is_told_here_and_not_by_the_store(
    house: Installation, client: httpx.AsyncClient, dialect: str
):
    path = await left(client, dialect)
    keys = house.services.blobs.keys()
    for key in [key async for key in keys]:
        await house.services.blobs.delete(key)
    assert (await client.get(path)).status_code == 500
