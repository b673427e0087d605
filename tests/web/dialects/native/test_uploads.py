"""/coatcheck/v1/uploads: one client's code against a folder, and against a real S3 store that takes the bytes itself."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from coatcheck.blobs.base import BlobKey
from coatcheck.web.dialects import DIALECTS
from tests.books import assert_books_balance
from tests.core import lay_out
from tests.engines import seaweed
from tests.kit import Installation, installation
from tests.web.dialects.native.asks import ATTACHMENTS, ROOT, problem, sha256, told

UPLOADS = f"{ROOT}/uploads"
CONTENT = bytes(range(256)) * 1000
HOUR = 3600 * 1000


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
