"""Two tenants whose people and files have the same names: what is one's looks to the other like what never was."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from coatcheck.web.dialects import DIALECTS
from tests.books import assert_books_balance
from tests.kit import Installation, installation
from tests.web.test_any_dialect_to_any import (
    APIS,
    CLAIMING,
    CONTENT,
    NATIVE,
    Names,
    names_of,
    told,
)

NEVER = Names("900000", 900_000, "Never0Existed000", "0" * 64)
METHODS = ("GET", "HEAD", "DELETE", "PATCH", "PUT")

#: What differs from one answer to the next, whatever was asked: ids of errors, and what is named in the question.
OWN_IDS = re.compile(rb'"id": ?("[^"]*"|\d+)')


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Installation]:
    async with installation(
        tmp_path, dialects=tuple(DIALECTS), rate_limits="off", inline_max=16
    ) as house:
        yield house


@asynccontextmanager
async def ann_of(house: Installation, tenant: str) -> AsyncIterator[httpx.AsyncClient]:
    """There is an Ann in both."""
    async with house.client(tenant, "ann") as client:
        client.headers["X-Org-ID"] = tenant
        yield client


def places(names: Names) -> list[str]:
    """All that these names lead to, in every API."""
    return [
        f"/attachments/{names.sha3}",
        f"/api/files/{names.id}",
        f"/v2/attachments/{names.id}",
        f"/v3/attachments/{names.id}/a.bin",
        f"/v2/thumbnails/{names.id}",
        f"/api/v3/attachments/{names.id}",
        f"/api/v3/attachments/{names.id}/content",
        f"/api/v3/attachments/{names.id}/uploaded",
        f"/v1/attachments/{names.public_id}",
        f"/assets/attachments/{names.public_id.swapcase()}/a.bin",
        *(
            f"{NATIVE}/attachments/{form}{tail}"
            for form in (names.id, names.public_id, f"sha3-256:{names.sha3}")
            for tail in ("", "/content", "/thumbnail")
        ),
    ]


def change_at(path: str) -> dict[str, Any]:
    """A change that the API of this path takes."""
    if path.startswith("/api/files"):
        return {"site_file": {"token": "x"}}
    return {"filename": "x"} if path.startswith("/v1") else {"name": "x"}


def claims(names: Names) -> dict[str, tuple[str, dict[str, Any]]]:
    """What each API is asked to attach them to."""
    href = f"/api/v3/attachments/{names.id}"
    container = {"kind": "post", "id": "1"}
    return {
        "campr": (
            "/posts",
            {"type": "https://a.test/t", "content": {}, "attachments": [names.sha3]},
        ),
        "tracker": ("/v2/issues", {"queue": "TREK", "summary": "x", "attachmentIds": [names.id]}),
        "openproject": (
            "/api/v3/work_packages",
            {"subject": "x", "_links": {"attachments": [{"href": href}]}},
        ),
        "chat": (
            "/v1/messages",
            {"conversation_id": "c1", "message": "hi", "attachments": [names.public_id]},
        ),
        "native": (
            f"{NATIVE}/claims",
            {"container": container, "attachments": [{"id": names.id}]},
        ),
    }


def seen(answer: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    """All that can be told of an answer, but for what differs every time."""
    aside = {"x-request-id", "rate-limit-remaining"}
    if answer.request.method == "POST":
        aside.add("content-length")
    headers = {name: value for name, value in answer.headers.items() if name not in aside}
    return answer.status_code, OWN_IDS.sub(b'"id":*', answer.content), headers


LISTS = (
    "/attachments",
    "/posts",
    "/api/files",
    "/api/folders",
    "/v2/attachments",
    "/v1/attachments",
    "/v1/messages",
    "/v1/conversations",
    f"{NATIVE}/attachments",
    f"{NATIVE}/attachments?container=post:1",
    f"{NATIVE}/attachments?owner=ann",
)


async def lists(client: httpx.AsyncClient) -> list[Any]:
    return [(await client.get(path)).json() for path in LISTS]


@pytest.mark.parametrize("claimed", [False, True], ids=["detached", "claimed"])
@pytest.mark.parametrize("left_by", APIS)
async def test_what_is_one_tenants_looks_to_the_other_like_what_never_was(
    left_by: str, claimed: bool, house: Installation
) -> None:
    async with ann_of(house, "acme") as ours, ann_of(house, "other") as theirs:
        nothing = await lists(theirs)
        names = await names_of(ours, await APIS[left_by].leave(ours))
        if claimed:
            await told(await ours.post(f"{NATIVE}/claims", json=claims(names)["native"][1]))
        before = await lists(ours)
        for foreign, unknown in zip(places(names), places(NEVER), strict=True):
            body = change_at(foreign)
            for method in METHODS:
                answer = await theirs.request(method, foreign, json=body)
                assert answer.status_code in (404, 405), (method, foreign, answer.text)
                expected = await theirs.request(method, unknown, json=body)
                assert seen(answer) == seen(expected), (method, foreign)
        for api in CLAIMING:
            path, wanted = claims(names)[api]
            answer = await theirs.post(path, json=wanted)
            assert 400 <= answer.status_code < 500, (api, answer.text)
            path, never = claims(NEVER)[api]
            assert seen(answer) == seen(await theirs.post(path, json=never)), api
        assert await lists(theirs) == nothing
        assert await lists(ours) == before
        for name, api_ in APIS.items():
            assert await api_.read(ours, names) == CONTENT, name
    assert_books_balance(house, settled=True)


@pytest.mark.parametrize("left_by", APIS)
async def test_the_same_bytes_under_the_same_names_are_two_attachments(
    left_by: str, house: Installation
) -> None:
    """Attached to things of the same names, too; and when one tenant lets go of its own, the other's stays."""
    async with ann_of(house, "acme") as ours, ann_of(house, "other") as theirs:
        mine = await names_of(ours, await APIS[left_by].leave(ours))
        other = await names_of(theirs, await APIS[left_by].leave(theirs))
        assert mine.id != other.id
        assert mine.public_id != other.public_id
        for client, names in ((ours, mine), (theirs, other)):
            await told(await client.post(f"{NATIVE}/claims", json=claims(names)["native"][1]))
        for client, names in ((ours, mine), (theirs, other)):
            held = await told(await client.get(f"{NATIVE}/claims/post/1"))
            assert [each["id"] for each in held["attachments"]] == [names.id]
        gone = await theirs.delete(f"{NATIVE}/claims/post/1")
        assert gone.is_success, gone.text
        await theirs.delete(f"{NATIVE}/attachments/{other.id}")
        await house.services.reaping.sweep()
        held = await told(await ours.get(f"{NATIVE}/claims/post/1"))
        assert [each["id"] for each in held["attachments"]] == [mine.id]
        for name, api in APIS.items():
            assert await api.read(ours, mine) == CONTENT, name
    assert_books_balance(house, settled=True)


async def test_containers_of_the_same_name_are_each_tenants_own(house: Installation) -> None:
    async with ann_of(house, "acme") as ours, ann_of(house, "other") as theirs:
        for api in CLAIMING:
            names = await names_of(ours, await APIS["native"].leave(ours))
            claim = APIS[api].claim
            assert claim is not None
            await claim(ours, names)
        keys = ["/v2/issues/TREK-1", "/v1/conversations/c1", f"{NATIVE}/claims/post/1"]
        for path in keys:
            assert (await ours.get(path)).status_code == 200, path
            answer = await theirs.get(path)
            unknown = re.sub("TREK-1|c1|post/1", lambda key: f"{key[0][:-1]}9", path)
            assert seen(answer) == seen(await theirs.get(unknown)), path
            assert answer.status_code == 404
        listed = await told(await theirs.get("/api/v3/work_packages/1/attachments"))
        assert listed["total"] == 0
        assert (await told(await ours.get("/api/v3/work_packages/1/attachments")))["total"] == 1
        # And they may use the names for things of their own.
        mine = await names_of(theirs, await APIS["native"].leave(theirs))
        path, body = claims(mine)["tracker"]
        made = await told(await theirs.post(path, json=body))
        assert made["key"] == "TREK-1"
        assert [each["id"] for each in made["attachments"]] == [str(mine.id)]
