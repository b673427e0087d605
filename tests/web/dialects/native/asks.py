"""What the tests of this dialect send and expect, in one line each."""

from __future__ import annotations

import hashlib
from typing import Any

import httpx

ROOT = "/coatcheck/v1"
ATTACHMENTS = f"{ROOT}/attachments"
CLAIMS = f"{ROOT}/claims"
POST_1 = f"{CLAIMS}/post/1"


async def leave(client: httpx.AsyncClient, content: bytes = b"hello", **headers: str) -> Any:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await client.post(ATTACHMENTS, content=content, headers=given)
    return told(answer, 201)


async def claim(
    client: httpx.AsyncClient, *attachments: Any, kind: str = "post", id: Any = "1", **more: Any
) -> httpx.Response:
    headers = {"Idempotency-Key": more.pop("key")} if "key" in more else {}
    body = {"container": {"kind": kind, "id": id}, "attachments": list(attachments), **more}
    return await client.post(CLAIMS, json=body, headers=headers)


async def held(client: httpx.AsyncClient, path: str = POST_1) -> list[int]:
    return [each["id"] for each in told(await client.get(path))["attachments"]]


async def state(client: httpx.AsyncClient, id: int) -> str | None:
    answer = await client.get(f"{ATTACHMENTS}/{id}")
    return answer.json()["state"] if answer.status_code == 200 else None


def told(answer: httpx.Response, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of problem details (RFC 9457)."""
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert {"type", "title", "status", "detail", "code"} <= set(body)
    assert body["status"] == answer.status_code
    assert body["type"] == f"urn:coatcheck:problem:{body['code']}"
    return answer.status_code, body["code"]


def reasons(answer: httpx.Response) -> list[tuple[Any, str, str]]:
    """(name as given, pointer, reason) of each that was refused."""
    problem(answer)
    told = []
    for each in answer.json()["refusals"]:
        (name,) = [each[key] for key in ("id", "token", "digest") if key in each][:1]
        told.append((name, each["pointer"], each["reason"]))
    return told


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def sha3(content: bytes) -> str:
    return f"sha3-256:{hashlib.sha3_256(content).hexdigest()}"
