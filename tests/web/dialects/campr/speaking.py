"""Campr as its clients speak it, and a client that does what no client should."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from fastapi import FastAPI

from tests import deeds
from tests.kit import Installation

STATUS = "https://campr.me/types/status/v1"
REL = "https://campr.me/rels/"
NOWHERE = "0" * 64


def sha3(data: bytes) -> str:
    return hashlib.sha3_256(data).hexdigest()


async def upload(client: httpx.AsyncClient, data: bytes, **headers: str) -> str:
    """Its digest."""
    answer = await client.post("/attachments", content=data, headers=_fields(headers))
    assert answer.status_code == 200, answer.text
    digest: str = answer.json()["attachment"]["digest"]
    assert digest == sha3(data)
    return digest


async def send_part(
    client: httpx.AsyncClient, id: str, data: bytes, start: int, total: int, **headers: str
) -> httpx.Response:
    given = {
        "Client-Request-ID": id,
        "Content-Range": f"bytes {start}-{start + len(data) - 1}/{total}",
        **_fields(headers),
    }
    return await client.post("/attachments", content=data, headers=given)


async def post(
    client: httpx.AsyncClient, attachments: Sequence[Any] = (), *, id: str = "", **members: Any
) -> httpx.Response:
    draft = {"type": STATUS, "content": {"text": "hi"}, "attachments": list(attachments), **members}
    headers = {"Client-Request-ID": id} if id else {}
    return await client.post("/posts", json=draft, headers=headers)


async def posted(client: httpx.AsyncClient, *attachments: Any) -> str:
    """The id of a new post with these."""
    answer = await post(client, attachments)
    assert answer.status_code == 200, answer.text
    id: str = answer.json()["post"]["id"]
    return id


async def listed(client: httpx.AsyncClient) -> list[str]:
    answer = await client.get("/attachments", params={"limit": 200})
    assert answer.status_code == 200, answer.text
    return [each["digest"] for each in answer.json()["attachments"]]


def error_of(answer: httpx.Response | Answer) -> tuple[int, str]:
    """Status and code of the one error in the only shape there is."""
    document = answer.json()
    assert set(document) == {"errors"}
    (error,) = document["errors"]
    assert set(error) == {"id", "code", "description"}
    assert error["id"]
    assert error["description"]
    return answer.status_code, error["code"]


async def holdings(house: Installation, client: httpx.AsyncClient) -> tuple[int, int]:
    """(bytes, detached attachments) as the server tells them."""
    info = (await client.get("/server-info")).json()
    return info["global"]["space_used"], info["endpoints"]["attachments"]["POST"]["detached_count"]


async def assert_nothing_is_left(house: Installation, client: httpx.AsyncClient) -> None:
    """No file, no byte of quota, nothing for a sweep to find."""
    assert house.blobs() == []
    assert await holdings(house, client) == (0, 0)
    house.clock.advance(10 * 24 * 3600)
    swept = await house.services.reaping.sweep()
    assert (swept.expired, swept.intents, swept.leftovers) == ([], [], 0)
    assert await deeds.orphans(house) == []


@dataclass
class Answer:
    status_code: int = 0
    headers: httpx.Headers = field(default_factory=httpx.Headers)
    content: bytes = b""
    taken: int = 0

    def json(self) -> Any:
        return json.loads(self.content)


async def call(
    app: FastAPI,
    method: str,
    path: str,
    headers: Iterable[tuple[str, str]] = (),
    body: Iterable[bytes] = (),
    *,
    hang_up: bool = False,
) -> Answer:
    """One request exactly as given. `taken` counts the bytes of the body that the app asked for."""
    pieces = list(body)
    answer = Answer()
    name, _, query = path.partition("?")

    async def receive() -> dict[str, Any]:
        if pieces:
            piece = pieces.pop(0)
            answer.taken += len(piece)
            more = bool(pieces) or hang_up
            return {"type": "http.request", "body": piece, "more_body": more}
        if hang_up:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answer.status_code = message["status"]
            answer.headers = httpx.Headers(message["headers"])
        else:
            answer.content += message.get("body", b"")

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": name,
        "raw_path": name.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [
            (name.lower().encode(), value.encode("latin-1"))
            for name, value in [("Host", "coatcheck.test"), *headers]
        ],
        "client": ("127.0.0.1", 1),
        "server": ("coatcheck.test", 80),
    }
    await app(scope, receive, send)
    return answer


async def in_pieces(data: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    """A body whose length nobody tells beforehand."""
    for at in range(0, len(data), size):
        yield data[at : at + size]


def _fields(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
