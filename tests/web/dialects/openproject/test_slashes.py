"""Slashes too many: forgiven under /api/v3, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.kit import BASE, installation
from tests.web.dialects.openproject.speaking import held, refusal, told, upload, uploaded


@pytest.mark.parametrize(
    "path",
    [
        "/api/v3/work_packages//1/attachments",
        "/api/v3//work_packages/1//attachments//",
        "/api/v3/work_packages/1/attachments/",
        "/api/v3/work_packages/1/attachments/?offset=1",
        "//api/v3/work_packages/1/attachments",
        "/api//v3/work_packages/1/attachments",
    ],
)
async def test_slashes_too_many_are_forgiven(ann: httpx.AsyncClient, path: str) -> None:
    told(await ann.get("/api/v3/work_packages/1"))
    path = BASE + path  # whole, or httpx takes `//api` for a host
    listed = told(await ann.get(path))
    assert listed["_links"]["self"]["href"] == "/api/v3/work_packages/1/attachments"
    if "?" not in path:
        await uploaded(ann, path=path)
        assert await held(ann) == [1]


async def test_a_work_package_may_be_posted_to_a_path_with_a_slash(ann: httpx.AsyncClient) -> None:
    answer = await ann.post("/api/v3/work_packages/?notify=False", json={"subject": "x"})
    told(answer, 201)


async def test_an_error_behind_slashes_too_many_is_told_in_these_words(
    ann: httpx.AsyncClient,
) -> None:
    assert refusal(await ann.get("/api/v3//nowhere//"))[:2] == (404, "NotFound")
    assert refusal(await ann.get("/api/v3/attachments//1//content"))[:2] == (404, "NotFound")


async def test_slashes_elsewhere_are_left_alone(tmp_path: Path) -> None:
    async with (
        installation(tmp_path, dialects=("openproject", "attachfast")) as house,
        house.client() as ann,
    ):
        assert (await ann.get("/api/files")).status_code == 200
        assert (await ann.get("/api//files")).status_code == 404
        assert (await ann.get("/api/files/")).status_code == 404
        assert (await ann.get("/api/v3x//y")).json() == {"errors": ["Not found"]}
        assert (await ann.get(f"{BASE}//api/v3")).status_code == 200
        assert (await ann.get(f"{BASE}//api/files")).status_code == 404
        assert (await upload(ann, path="/api/v3/attachments/")).status_code == 200
