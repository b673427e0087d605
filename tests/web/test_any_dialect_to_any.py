"""Left through one API, claimed through another, read through a third: it is one store.

To add an API: a row in `APIS`.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from coatcheck.web.dialects import DIALECTS
from tests.books import assert_books_balance
from tests.kit import Installation, installation

CONTENT = bytes(range(256)) * 20
NATIVE = "/coatcheck/v1"


@dataclass(frozen=True)
class Names:
    """Every form of one attachment's identity; `given` is the one that the API it was left through told."""

    given: str
    id: int
    public_id: str
    sha3: str


async def told(answer: httpx.Response) -> Any:
    assert answer.is_success, (answer.request.url, answer.status_code, answer.text)
    return answer.json()


async def leave_campr(client: httpx.AsyncClient) -> str:
    made = await told(await client.post("/attachments", content=CONTENT))
    return str(made["attachment"]["digest"])


async def leave_attachfast(client: httpx.AsyncClient) -> str:
    made = await told(await client.post("/api/files", files={"file": ("a.bin", CONTENT)}))
    return str(made["id"])


async def leave_tracker(client: httpx.AsyncClient) -> str:
    made = await told(await client.post("/v2/attachments/", files={"file": ("a.bin", CONTENT)}))
    return str(made["id"])


async def leave_openproject(client: httpx.AsyncClient) -> str:
    metadata = (None, b'{"fileName": "a.bin"}', "application/json")
    files = [("metadata", metadata), ("file", ("a.bin", CONTENT, "application/octet-stream"))]
    made = await told(await client.post("/api/v3/attachments", files=files))
    return str(made["id"])


async def leave_chat(client: httpx.AsyncClient) -> str:
    made = await told(await client.post("/v1/attachments", files={"file": ("a.bin", CONTENT)}))
    return str(made["id"])


async def leave_native(client: httpx.AsyncClient) -> str:
    made = await told(await client.post(f"{NATIVE}/attachments", content=CONTENT))
    return str(made["public_id"])


async def claim_campr(client: httpx.AsyncClient, names: Names) -> None:
    post = {"type": "https://a.test/t", "content": {}, "attachments": [names.sha3]}
    await told(await client.post("/posts", json=post))


async def claim_tracker(client: httpx.AsyncClient, names: Names) -> None:
    issue = {"queue": "TREK", "summary": "x", "attachmentIds": [names.id]}
    made = await told(await client.post("/v3/issues/", json=issue))
    assert [each["id"] for each in made["attachments"]] == [str(names.id)]


async def claim_openproject(client: httpx.AsyncClient, names: Names) -> None:
    links = {"attachments": [{"href": f"/api/v3/attachments/{names.id}"}]}
    body = {"subject": "x", "_links": links}
    made = await told(await client.post("/api/v3/work_packages", json=body))
    assert made["_embedded"]["attachments"]["total"] == 1


async def claim_chat(client: httpx.AsyncClient, names: Names) -> None:
    body = {"conversation_id": "c1", "message": "hi", "attachments": [names.public_id]}
    made = await told(await client.post("/v1/messages", json=body))
    assert [each["id"] for each in made["attachments"]] == [names.public_id]


async def claim_native(client: httpx.AsyncClient, names: Names) -> None:
    body = {"container": {"kind": "post", "id": "1"}, "attachments": [{"id": names.given}]}
    made = await told(await client.post(f"{NATIVE}/claims", json=body))
    assert [each["id"] for each in made["attachments"]] == [names.id]


async def read_campr(client: httpx.AsyncClient, names: Names) -> bytes:
    return (await client.get(f"/attachments/{names.sha3}")).content


async def read_attachfast(client: httpx.AsyncClient, names: Names) -> bytes:
    shown = await told(await client.get(f"/api/files/{names.id}"))
    return (await client.get(shown["url"])).content


async def read_tracker(client: httpx.AsyncClient, names: Names) -> bytes:
    return (await client.get(f"/v2/attachments/{names.id}/a.bin")).content


async def read_openproject(client: httpx.AsyncClient, names: Names) -> bytes:
    return (await client.get(f"/api/v3/attachments/{names.id}/content")).content


async def read_chat(client: httpx.AsyncClient, names: Names) -> bytes:
    shown = await told(await client.get(f"/v1/attachments/{names.public_id}"))
    return (await client.get(shown["file_url"])).content


async def read_native(client: httpx.AsyncClient, names: Names) -> bytes:
    return (await client.get(f"{NATIVE}/attachments/{names.given}/content")).content


@dataclass(frozen=True)
class Api:
    """None is a verb that the API does not have."""

    leave: Callable[[httpx.AsyncClient], Awaitable[str]]
    claim: Callable[[httpx.AsyncClient, Names], Awaitable[None]] | None
    read: Callable[[httpx.AsyncClient, Names], Awaitable[bytes]]


APIS = {
    "campr": Api(leave_campr, claim_campr, read_campr),
    "attachfast": Api(leave_attachfast, None, read_attachfast),
    "tracker": Api(leave_tracker, claim_tracker, read_tracker),
    "openproject": Api(leave_openproject, claim_openproject, read_openproject),
    "chat": Api(leave_chat, claim_chat, read_chat),
    "native": Api(leave_native, claim_native, read_native),
}

CLAIMING = [name for name, api in APIS.items() if api.claim]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Installation]:
    async with installation(
        tmp_path, dialects=tuple(DIALECTS), rate_limits="off", inline_max=16
    ) as house:
        yield house


async def names_of(client: httpx.AsyncClient, given: str) -> Names:
    """The native API takes any of them, and tells the others."""
    shown = await told(await client.get(f"{NATIVE}/attachments/{given}"))
    return Names(given, shown["id"], shown["public_id"], hashlib.sha3_256(CONTENT).hexdigest())


def test_every_api_has_its_row() -> None:
    assert set(APIS) == set(DIALECTS)


@pytest.mark.parametrize("claimed_by", CLAIMING)
@pytest.mark.parametrize("left_by", APIS)
async def test_left_through_one_claimed_through_another_read_through_any(
    left_by: str, claimed_by: str, house: Installation
) -> None:
    async with house.client() as ann, house.client(login="bob") as bob:
        for client in (ann, bob):
            client.headers["X-Org-ID"] = "acme"
        given = await APIS[left_by].leave(ann)
        names = await names_of(ann, given)
        before = {name: await api.read(ann, names) for name, api in APIS.items()}
        claim = APIS[claimed_by].claim
        assert claim is not None
        await claim(ann, names)
        house.clock.advance(30 * 24 * 3600)
        await house.services.reaping.sweep()
        after = {name: await api.read(ann, names) for name, api in APIS.items()}
        others = {name: await api.read(bob, names) for name, api in APIS.items()}
    async with house.client(tenant="other", login="eve") as eve:
        foreign = await eve.get(f"{NATIVE}/attachments/{given}/content")
        unknown = await eve.get(f"{NATIVE}/attachments/999/content")
    everywhere = dict.fromkeys(APIS, CONTENT)
    assert before == everywhere
    assert after == everywhere
    assert others == everywhere
    assert (foreign.status_code, foreign.content) == (404, unknown.content)
    assert_books_balance(house, settled=True)
