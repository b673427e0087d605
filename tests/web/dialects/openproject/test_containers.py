"""Attachments straight into containers, those that are kept here and those that are not."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from tests.books import assert_books_balance
from tests.kit import Installation
from tests.web.dialects.openproject.speaking import (
    NOT_FOUND,
    PNG,
    assert_nothing_is_left,
    held,
    metadata,
    refusal,
    told,
    upload,
    uploaded,
)

ELSEWHERE = {
    "wiki_pages": "Wiki page",
    "posts": "Post",
    "activities": "Activity",
    "documents": "Document",
    "meetings": "Meeting",
}


@pytest.mark.parametrize(("kind", "title"), ELSEWHERE.items())
async def test_any_container_that_is_kept_elsewhere_takes_attachments(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient, house: Installation, kind: str, title: str
) -> None:
    path = f"/api/v3/{kind}/77/attachments"
    assert await held(ann, f"{kind}/77") == []

    made = await uploaded(ann, path=path)
    await uploaded(bob, path=path)

    container = {"href": f"/api/v3/{kind}/77", "title": f"{title} 77"}
    assert made["_links"]["container"] == container
    assert await held(bob, f"{kind}/77") == [1, 2]
    assert await held(bob, f"{kind}/78") == []
    listed = told(await ann.get(path))
    assert listed["_links"]["self"]["href"] == path
    house.clock.advance(10**6)
    await house.services.reaping.sweep()
    assert (await bob.get("/api/v3/attachments/1/content")).content == PNG
    assert (await bob.delete("/api/v3/attachments/1")).status_code == 204
    assert await held(ann, f"{kind}/77") == [2]
    assert_books_balance(house, settled=True)


async def test_containers_of_one_number_and_several_kinds_are_several(
    ann: httpx.AsyncClient,
) -> None:
    for kind in ("work_packages", *ELSEWHERE):
        await uploaded(ann, path=f"/api/v3/{kind}/1/attachments")
    found = [await held(ann, f"{kind}/1") for kind in ("work_packages", *ELSEWHERE)]
    assert found == [[1], [2], [3], [4], [5], [6]]


async def test_each_tenant_has_containers_of_its_own(
    ann: httpx.AsyncClient, eve: httpx.AsyncClient
) -> None:
    for kind in ("work_packages", "wiki_pages"):
        await uploaded(ann, path=f"/api/v3/{kind}/1/attachments")
        assert await held(eve, f"{kind}/1") == []
    await uploaded(eve, path="/api/v3/wiki_pages/1/attachments")
    assert len(await held(ann, "wiki_pages/1")) == len(await held(eve, "wiki_pages/1")) == 1


async def test_a_refused_upload_leaves_no_trace(
    ann: httpx.AsyncClient, house: Installation
) -> None:
    path = "/api/v3/wiki_pages/1/attachments"
    assert refusal(await ann.post(path, files=[metadata()]))[0] == 400
    assert refusal(await upload(ann, name="", path=path))[0] == 422
    await assert_nothing_is_left(house)


async def test_uploads_at_the_same_moment_all_arrive(
    ann: httpx.AsyncClient, house: Installation
) -> None:
    path = "/api/v3/meetings/5/attachments"
    await asyncio.gather(*(uploaded(ann, path=path) for _ in range(8)))
    assert await held(ann, "meetings/5") == list(range(1, 9))
    assert_books_balance(house, settled=True)


@pytest.mark.parametrize("id", ["0", "-1", "01", "1_0", "x", "1.0", "9" * 19, "%201", "%EF%BC%91"])
@pytest.mark.parametrize("kind", ["work_packages", "wiki_pages"])
async def test_what_is_no_number_is_no_container(
    ann: httpx.AsyncClient, kind: str, id: str
) -> None:
    path = f"/api/v3/{kind}/{id}/attachments"
    assert refusal(await ann.get(path)) == NOT_FOUND
    assert refusal(await upload(ann, path=path)) == NOT_FOUND
    assert refusal(await upload(ann, path=f"{path}/prepare")) == NOT_FOUND


async def test_an_unknown_work_package_takes_nothing(
    ann: httpx.AsyncClient, house: Installation
) -> None:
    path = "/api/v3/work_packages/2/attachments"
    assert refusal(await ann.get(path)) == NOT_FOUND
    assert refusal(await upload(ann, path=path)) == NOT_FOUND
    assert refusal(await upload(ann, path=f"{path}/prepare")) == NOT_FOUND
    await assert_nothing_is_left(house)
