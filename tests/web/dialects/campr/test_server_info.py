"""`/server-info`: Campr, «Server info»; every figure is true."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from tests.kit import installation
from tests.web.dialects.campr.speaking import STATUS, post, posted, send_part, upload

PHOTO = "https://campr.me/types/photo/v1"


async def info_of(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.get("/server-info")
    assert answer.status_code == 200
    info: dict[str, Any] = answer.json()
    return info


async def test_what_is_used_and_what_is_left_add_up(tmp_path: Path) -> None:
    async with (
        installation(
            tmp_path, dialects="campr", quota_bytes=1000, quota_count=5, max_size=500
        ) as house,
        house.client() as ann,
        house.client(login="bob") as bob,
    ):
        await upload(ann, b"a" * 100)
        shared = await upload(ann, b"b" * 200)
        await posted(ann, shared)
        await posted(ann, shared)
        await post(ann, [shared], type=PHOTO)
        await send_part(ann, "one", b"c", 0, 50)

        info = await info_of(ann)
        assert info["global"] == {"space_used": 350, "space_available": 650}
        assert info["types"] == {
            STATUS: {"count": 2, "space_used": 200, "space_available": 650},
            PHOTO: {"count": 1, "space_used": 200, "space_available": 650},
        }
        told = info["endpoints"]["attachments"]
        assert {key: told["GET"][key] for key in ("list_limit_default", "list_limit_maximum")} == {
            "list_limit_default": 50,
            "list_limit_maximum": 200,
        }
        uploads = {
            key: value for key, value in told["POST"].items() if not key.startswith("rate_limit")
        }
        assert uploads == {
            "size_maximum": 500,
            "detached_count": 1,
            "detached_count_limit": 3,
            "detached_space_used": 100,
            "detached_space_available": 650,
            "detached_ttl": 24 * 3600,
        }
        assert (await info_of(bob))["global"] == {"space_used": 0, "space_available": 1000}
        assert (await info_of(bob))["types"] == {}


async def test_no_limit_is_null(tmp_path: Path) -> None:
    async with installation(tmp_path, dialects="campr") as house, house.client() as ann:
        info = await info_of(ann)
        uploads = info["endpoints"]["attachments"]["POST"]
        assert info["global"] == {"space_used": 0, "space_available": None}
        assert uploads["detached_space_available"] is None
        assert uploads["detached_count_limit"] is None


async def test_both_names_and_both_methods_answer(tmp_path: Path) -> None:
    async with (
        installation(tmp_path, dialects="campr", rate_limits="off") as house,
        house.client() as ann,
        house.anonymous() as nobody,
    ):
        for path in ("/server-info", "/server_info"):
            assert (await ann.get(path)).status_code == 200
            head = await ann.head(path)
            assert (head.status_code, head.content) == (200, b"")
            assert int(head.headers["content-length"]) > 0
            assert (await nobody.get(path)).status_code == 401
