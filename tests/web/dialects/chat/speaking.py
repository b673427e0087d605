"""What the tests of this dialect send and expect, in one line each."""

from __future__ import annotations

from typing import Any

import httpx

from tests.kit import BASE

NEVER = "Never0Existed000"
BOUNDARY = "XBX"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
URLENCODED = {"Content-Type": "application/x-www-form-urlencoded"}
END = f"--{BOUNDARY}--\r\n".encode()
KEYS = ["id", "message_id", "filename", "file_url", "file_type", "file_size", "created_at"]
NOT_FOUND = (404, "There is no such object.")


async def upload(
    client: httpx.AsyncClient,
    content: bytes = b"hello",
    name: str = "report.txt",
    media_type: str | None = None,
    **fields: str,
) -> httpx.Response:
    """The text fields come first, as most clients send them."""
    parts: list[Any] = [(field, (None, value)) for field, value in fields.items()]
    file = (name, content, media_type) if media_type else (name, content)
    return await client.post("/v1/attachments", files=[*parts, ("file", file)])


async def uploaded(client: httpx.AsyncClient, *args: Any, **fields: Any) -> dict[str, Any]:
    return told(await upload(client, *args, **fields), 201)


async def sent(client: httpx.AsyncClient, *ids: str, **fields: Any) -> dict[str, Any]:
    """A message with these attachments."""
    body = {"conversation_id": "room", "message": "see file", "attachments": list(ids), **fields}
    return told(await client.post("/v1/messages", json=body), 201)


async def ids(client: httpx.AsyncClient, path: str = "/v1/attachments", **query: Any) -> list[str]:
    found, _ = await page(client, path, **query)
    return found


async def page(
    client: httpx.AsyncClient, path: str = "/v1/attachments", **query: Any
) -> tuple[list[str], bool]:
    """The ids of one page, and whether there is more."""
    body = told(await client.get(path, params=query))
    assert list(body) == ["has_more", "data"]
    return [each["id"] for each in body["data"]], body["has_more"]


def told(answer: httpx.Response, status: int = 200) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body: dict[str, Any] = answer.json()
    return body


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """The status and what is wrong; the document is a whole error."""
    body = told(answer, answer.status_code)
    assert list(body) == ["type", "message", "documentation_url"]
    assert body["type"] == ("api_error" if answer.status_code >= 500 else "invalid_request")
    assert body["documentation_url"].startswith(f"{BASE}/-/docs")
    assert body["message"].endswith((".", ")"))
    assert (answer.headers.get("www-authenticate") == "Bearer") is (answer.status_code == 401)
    return answer.status_code, body["message"]


def seen(answer: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    """All that can be told of an answer, but for the id of its request."""
    headers = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
    return answer.status_code, answer.content, headers


def form(content: bytes, *, filename: str | None = "a.txt", name: str = "file") -> bytes:
    return part(content, filename=filename, name=name) + END


def part(content: bytes, *, filename: str | None = "a.txt", name: str = "file") -> bytes:
    disposition = f'form-data; name="{name}"'
    if filename is not None:
        disposition += f'; filename="{filename}"'
    head = f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\n"
    return head.encode() + content + b"\r\n"
