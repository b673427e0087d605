"""What the tests of this dialect send and expect, in one line each."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import httpx

from coatcheck.domain.principal import Principal
from tests.books import assert_books_balance
from tests.kit import Installation

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(100))
HAL = "application/hal+json; charset=utf-8"
URN = "urn:openproject-org:api:v3:errors:"
BOUNDARY = "XBX"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}

#: (field, (filename, content, content type)): what httpx makes a part of.
Part = tuple[str, tuple[str | None, bytes, str | None]]


def metadata(name: Any = "cat.png", **more: Any) -> Part:
    value = {"fileName": name, **more}
    return "metadata", (None, json.dumps(value).encode(), "application/json")


def file(content: bytes = PNG, filename: str = "pic.png", media_type: str = "image/png") -> Part:
    return "file", (filename, content, media_type)


async def upload(
    client: httpx.AsyncClient,
    content: bytes = PNG,
    name: str = "cat.png",
    *,
    path: str = "/api/v3/attachments",
    **more: Any,
) -> httpx.Response:
    return await client.post(path, files=[metadata(name, **more), file(content)])


async def uploaded(client: httpx.AsyncClient, *args: Any, **fields: Any) -> dict[str, Any]:
    return told(await upload(client, *args, **fields))


async def work_package(
    client: httpx.AsyncClient, *ids: int, subject: str = "Claims", **more: Any
) -> dict[str, Any]:
    body = {"subject": subject, "_links": {"attachments": links(*ids)}, **more}
    return told(await client.post("/api/v3/work_packages", json=body), 201)


async def patch(
    client: httpx.AsyncClient, id: int, ids: Iterable[int], **more: Any
) -> httpx.Response:
    body = {"_links": {"attachments": links(*ids)}, **more}
    return await client.patch(f"/api/v3/work_packages/{id}", json=body)


def links(*ids: int) -> list[dict[str, str]]:
    return [{"href": f"/api/v3/attachments/{id}"} for id in ids]


async def held(client: httpx.AsyncClient, path: str = "work_packages/1") -> list[int]:
    """Ids of what a container holds."""
    body = told(await client.get(f"/api/v3/{path}/attachments"))
    elements = body["_embedded"]["elements"]
    assert body["total"] == body["count"] == len(elements)
    return [each["id"] for each in elements]


def told(answer: httpx.Response, status: int = 200) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == HAL
    body: dict[str, Any] = answer.json()
    return body


def refusal(answer: httpx.Response) -> tuple[int, str, str, str | None]:
    """Status, identifier without its prefix, message, attribute; the document is a whole error."""
    body = told(answer, answer.status_code)
    assert set(body) <= {"_type", "errorIdentifier", "message", "_embedded"}
    assert body["_type"] == "Error"
    assert body["errorIdentifier"].startswith(URN)
    assert body["message"].endswith(".")
    attribute = body.get("_embedded", {}).get("details", {}).get("attribute")
    return answer.status_code, body["errorIdentifier"][len(URN) :], body["message"], attribute


NOT_FOUND = (404, "NotFound", "The requested resource could not be found.", None)


async def principal(house: Installation, tenant: str = "acme", login: str = "ann") -> Principal:
    return await house.services.keys.authenticate(await house.key(tenant, login))


async def assert_nothing_is_left(house: Installation) -> None:
    """No byte on disk, none in the quota, nothing for a sweep to do."""
    assert house.blobs() == []
    usage = (await house.services.listing.holdings(await principal(house))).usage
    assert (usage.used, usage.reserved, usage.attachments) == (0, 0, 0)
    assert_books_balance(house, settled=True)


def part(name: str, content: bytes, *, filename: str | None = None, extra: str = "") -> bytes:
    disposition = f'form-data; name="{name}"'
    if filename is not None:
        disposition += f'; filename="{filename}"'
    head = f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n{extra}\r\n"
    return head.encode() + content + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()
