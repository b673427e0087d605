"""`DELETE /attachments/{digest}`: only what is detached, and only one's own."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from tests.kit import Installation
from tests.web.dialects.campr.speaking import (
    assert_nothing_is_left,
    error_of,
    listed,
    posted,
    sha3,
    upload,
)

PATH = f"/attachments/{sha3(b'x' * 100)}"


async def test_a_deleted_attachment_is_gone_at_once_with_its_bytes_and_its_place_in_the_quota(
    house: Installation, ann: httpx.AsyncClient
) -> None:
    await upload(ann, b"x" * 100)
    answer = await ann.delete(PATH)
    assert (answer.status_code, answer.content) == (204, b"")
    assert "content-type" not in answer.headers
    for method in ("GET", "DELETE"):
        assert error_of(await ann.request(method, PATH)) == (404, "not_found")
    assert await listed(ann) == []
    await assert_nothing_is_left(house, ann)


async def test_one_that_only_posts_have_is_not_there_to_be_deleted(
    house: Installation, ann: httpx.AsyncClient
) -> None:
    await upload(ann, b"x" * 100)
    await posted(ann, sha3(b"x" * 100))
    assert error_of(await ann.delete(PATH)) == (404, "not_found")
    assert (await ann.get(PATH)).status_code == 200


async def test_deleting_what_was_uploaded_again_leaves_the_post_its_own(
    house: Installation, ann: httpx.AsyncClient
) -> None:
    await upload(ann, b"x" * 100)
    id = await posted(ann, sha3(b"x" * 100))
    await upload(ann, b"x" * 100)
    assert await listed(ann) == [sha3(b"x" * 100)]
    assert (await ann.delete(PATH)).status_code == 204
    assert error_of(await ann.delete(PATH)) == (404, "not_found")
    assert (await ann.get(f"{PATH}?post={id}")).content == b"x" * 100


@pytest.mark.parametrize("path", ["/attachments", "/attachments/", f"{PATH}/", f"{PATH}/x"])
async def test_there_is_nothing_else_to_delete(ann: httpx.AsyncClient, path: str) -> None:
    await upload(ann, b"x" * 100)
    assert (await ann.delete(path)).status_code in (404, 405)
    assert len(await listed(ann)) == 1


async def test_of_many_deletes_one_wins(house: Installation, ann: httpx.AsyncClient) -> None:
    await upload(ann, b"x" * 100)
    answers = await asyncio.gather(*(ann.delete(PATH) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [204] + [404] * 7
    await assert_nothing_is_left(house, ann)
