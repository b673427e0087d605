"""What the tests of this dialect send, in one line each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx

from coatcheck.domain.principal import Principal
from tests.kit import Installation

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(100))
BOUNDARY = "XBX"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


async def upload(
    client: httpx.AsyncClient,
    name: str = "pic.png",
    content: bytes = PNG,
    folder: str | None = None,
    media_type: str | None = None,
) -> httpx.Response:
    """The part has the media type that httpx guesses, unless one is given."""
    file = (name, content) if media_type is None else (name, content, media_type)
    fields = {} if folder is None else {"folder": folder}
    return await client.post("/api/files", files={"file": file}, data=fields)


async def uploaded(client: httpx.AsyncClient, *args: Any, **fields: Any) -> dict[str, Any]:
    response = await upload(client, *args, **fields)
    assert response.status_code == 201, response.text
    found: dict[str, Any] = response.json()
    return found


async def chunk(
    client: httpx.AsyncClient,
    number: object,
    content: bytes,
    *,
    total: object,
    key: str = "movie.mp4_1735576000000",
    name: str = "blob",
    **fields: str,
) -> httpx.Response:
    data = {"chunk": str(number), "total_size": str(total), "key": key, **fields}
    file = (name, content, "application/octet-stream")
    return await client.post("/api/large_files", files={"file": file}, data=data)


async def folder(
    client: httpx.AsyncClient, name: str, parent_id: int | None = None
) -> dict[str, Any]:
    body = {"site_folder": {"name": name, "parent_id": parent_id}}
    response = await client.post("/api/folders", json=body)
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made


async def files(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.get("/api/files?per_page=100")).json()["files"]
    return found


def errors(response: httpx.Response) -> tuple[int, list[str]]:
    body = response.json()
    assert set(body) == {"errors"}, body
    return response.status_code, body["errors"]


async def assert_nothing_is_left(house: Installation) -> None:
    """No byte on disk, none in the quota, nothing for a sweep to do."""
    assert house.blobs() == []
    usage = (await house.services.listing.holdings(await principal(house))).usage
    assert (usage.used, usage.reserved, usage.attachments) == (0, 0, 0)
    sweep = await house.services.reaping.preview()
    assert (sweep.expired, sweep.purged, sweep.intents) == ([], [], [])


async def principal(house: Installation, tenant: str = "acme", login: str = "ann") -> Principal:
    return await house.services.keys.authenticate(await house.key(tenant, login))


def part(name: str, content: bytes, *, filename: str | None = None, extra: str = "") -> bytes:
    disposition = f'form-data; name="{name}"'
    if filename is not None:
        disposition += f'; filename="{filename}"'
    head = f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n{extra}\r\n"
    return head.encode() + content + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()


async def slowly(data: bytes, piece: int = 1000) -> AsyncIterator[bytes]:
    for at in range(0, len(data), piece):
        yield data[at : at + piece]
