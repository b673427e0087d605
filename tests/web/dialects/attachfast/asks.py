"""What the tests of this dialect send, in one line each."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any

import httpx
from starlette.types import Message

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


@dataclass
class Answer:
    """`taken` is how many pieces of the body were asked for."""

    status: int
    body: bytes
    taken: int

    def json(self) -> Any:
        return json.loads(self.body)


async def raw(
    house: Installation,
    method: str,
    path: str,
    pieces: Iterable[bytes],
    headers: dict[str, str],
    *,
    hang_up: bool = False,
) -> Answer:
    """One request as a server hands it over; with `hang_up` the sender is gone after the last piece."""
    waiting = list(pieces)
    answer = Answer(0, b"", 0)

    async def receive() -> Message:
        if answer.taken < len(waiting):
            answer.taken += 1
            more = hang_up or answer.taken < len(waiting)
            return {
                "type": "http.request",
                "body": waiting[answer.taken - 1],
                "more_body": more,
            }
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
        elif message["type"] == "http.response.body":
            answer.body += message.get("body", b"")

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("coatcheck.test", 80),
    }
    await house.app(scope, receive, send)
    return answer


async def slowly(data: bytes, piece: int = 1000) -> AsyncIterator[bytes]:
    for at in range(0, len(data), piece):
        yield data[at : at + piece]
