"""What the tests of this dialect send, in one line each."""

from __future__ import annotations

import zlib
from typing import Any

import httpx

from tests.kit import Installation

BOUNDARY = "XBX"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
END = f"--{BOUNDARY}--\r\n".encode()
NOWHERE = "Organization is not available, not ready or not found"


async def headers(house: Installation, tenant: str = "acme", login: str = "ann") -> dict[str, str]:
    return {"Authorization": f"OAuth {await house.key(tenant, login)}", "X-Org-ID": tenant}


async def upload(
    client: httpx.AsyncClient,
    name: str = "report.txt",
    content: bytes = b"hello",
    *,
    to: str = "/v2/attachments/",
    **query: str,
) -> httpx.Response:
    """As the official client: the part is called `file` and has no type, the query has the name."""
    return await client.post(
        to, params={"filename": name, **query}, content=form(content), headers=FORM
    )


async def uploaded(client: httpx.AsyncClient, *args: Any, **fields: Any) -> dict[str, Any]:
    answer = await upload(client, *args, **fields)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def issue(client: httpx.AsyncClient, *files: object, **fields: Any) -> dict[str, Any]:
    body = {"queue": "TREK", "summary": "Test", "attachmentIds": list(files), **fields}
    answer = await client.post("/v2/issues/", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def comment(
    client: httpx.AsyncClient, key: str, *files: object, **fields: Any
) -> dict[str, Any]:
    body = {"text": "see file", "attachmentIds": list(files), **fields}
    answer = await client.post(f"/v2/issues/{key}/comments", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def names(client: httpx.AsyncClient, path: str) -> list[str]:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return [each["name"] for each in answer.json()]


def refusal(answer: httpx.Response) -> tuple[int, str | dict[str, str]]:
    """The status and what is wrong: a sentence, or a sentence a field."""
    body = answer.json()
    assert set(body) == {"errors", "errorMessages", "statusCode"}, body
    assert body["statusCode"] == answer.status_code
    assert isinstance(body["errors"], dict)
    assert isinstance(body["errorMessages"], list)
    if body["errors"]:
        assert body["errorMessages"] == []
        return answer.status_code, body["errors"]
    (message,) = body["errorMessages"]
    return answer.status_code, message


def form(content: bytes, *, filename: str | None = "file", name: str = "file") -> bytes:
    return part(content, filename=filename, name=name) + END


def part(content: bytes, *, filename: str | None = "file", name: str = "file") -> bytes:
    disposition = f'form-data; name="{name}"'
    if filename is not None:
        disposition += f'; filename="{filename}"'
    return (
        f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\n".encode() + content + b"\r\n"
    )


def png(width: int, height: int) -> bytes:
    """A black picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        whole = kind + data
        return len(data).to_bytes(4) + whole + zlib.crc32(whole).to_bytes(4)

    head = width.to_bytes(4) + height.to_bytes(4) + b"\x08\x00\x00\x00\x00"
    rows = b"".join(b"\x00" + bytes(width) for _ in range(height))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
