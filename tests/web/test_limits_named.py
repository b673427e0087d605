"""What is refused for a limit names it: in `Coatcheck-Limit` through every API, in words where the API has its own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from coatcheck.domain import errors
from coatcheck.web.dialects import DIALECTS
from coatcheck.web.problem import problem_of
from coatcheck.web.streaming import RequestBody
from tests.kit import installation


def form(data: bytes, **fields: str) -> dict[str, Any]:
    return {"files": {"file": ("a.bin", data)}, "data": fields}


async def deposit(client: httpx.AsyncClient, dialect: str, data: bytes) -> httpx.Response:
    match dialect:
        case "campr":
            return await client.post("/attachments", content=data)
        case "attachfast":
            return await client.post("/api/files", **form(data))
        case "tracker":
            return await client.post("/v3/attachments", **form(data), headers={"X-Org-ID": "acme"})
        case "openproject":
            return await client.post(
                "/api/v3/attachments", **form(data, metadata='{"fileName": "a.bin"}')
            )
        case "chat":
            return await client.post("/v1/attachments", **form(data))
    return await client.post("/coatcheck/v1/attachments", content=data)


#: The settings, sizes that are taken, one that is not, and what is named.
LIMITS: dict[str, tuple[dict[str, int], list[int], int, str]] = {
    "size": (
        {"max_size": 1000, "tracker_max_size": 1000, "openproject_max_size": 1000},
        [1000],
        1001,
        "size=1000",
    ),
    "bytes": ({"quota_bytes": 1500}, [1000], 501, "quota_bytes=1500"),
    "bytes of a blob": ({"quota_bytes": 1500, "inline_max": 16}, [1000], 501, "quota_bytes=1500"),
    "attachments": ({"quota_count": 2}, [10, 11], 12, "quota_count=2"),
}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", LIMITS)
async def test_a_refused_upload_is_told_the_limit(tmp_path: Path, name: str, dialect: str) -> None:
    settings, taken, refused, limit = LIMITS[name]
    async with (
        installation(tmp_path, dialects=tuple(DIALECTS), **settings) as house,
        house.client() as ann,
    ):
        for size in taken:
            answer = await deposit(ann, dialect, b"%0*d" % (size, size))
            assert answer.status_code in (200, 201), answer.text
        answer = await deposit(ann, dialect, b"x" * refused)
        assert 400 <= answer.status_code < 600
        assert answer.headers.get("coatcheck-limit") == limit, answer.text


async def begin(ann: httpx.AsyncClient, dialect: str, key: str, part: int) -> httpx.Response:
    """One part of an upload of a hundred bytes."""
    if dialect == "attachfast":
        fields = {"key": key, "chunk": str(part), "total_size": "100"}
        return await ann.post("/api/large_files", **form(b"x", **fields))
    if dialect == "campr":
        headers = {"Content-Range": f"bytes {part}-{part}/100", "Client-Request-ID": key}
        return await ann.post("/attachments", content=b"x", headers=headers)
    return await ann.post("/coatcheck/v1/uploads", json={"size": 100, "name": key})


@pytest.mark.parametrize(
    ("dialect", "status"), [("campr", 409), ("native", 409), ("attachfast", 422)]
)
async def test_who_has_too_many_open_uploads_is_told_how_many_there_may_be(
    tmp_path: Path, dialect: str, status: int
) -> None:
    async with (
        installation(tmp_path, dialects=tuple(DIALECTS), max_open_uploads=2) as house,
        house.client() as ann,
    ):
        for key in ("one", "two"):
            assert (await begin(ann, dialect, key, 1)).is_success
        answer = await begin(ann, dialect, "three", 1)
        assert answer.status_code == status
        assert answer.headers["coatcheck-limit"] == "max_open_uploads=2"
        assert "at most 2" in answer.text


async def test_a_whole_upload_with_a_key_is_no_open_one(tmp_path: Path) -> None:
    async with (
        installation(tmp_path, dialects=tuple(DIALECTS), max_open_uploads=1) as house,
        house.client() as ann,
    ):
        assert (await begin(ann, "attachfast", "one", 1)).is_success
        for place, key in (
            ("/coatcheck/v1/attachments", "Idempotency-Key"),
            ("/attachments", "Client-Request-ID"),
        ):
            answer = await ann.post(place, content=b"whole", headers={key: "k" * 16})
            assert answer.is_success, answer.text
        assert (await begin(ann, "attachfast", "two", 1)).status_code == 422


async def test_who_sends_too_many_parts_is_told_how_many_there_may_be(tmp_path: Path) -> None:
    async with (
        installation(tmp_path, dialects=tuple(DIALECTS), max_parts=3) as house,
        house.client() as ann,
    ):
        for part in (1, 3, 5):
            assert (await begin(ann, "campr", "one", part)).is_success
        answer = await begin(ann, "campr", "one", 7)
        assert answer.status_code == 409
        assert answer.headers["coatcheck-limit"] == "max_parts=3"
        assert "at most 3" in answer.text


async def test_a_chunk_that_could_never_be_part_of_a_file_is_refused(tmp_path: Path) -> None:
    async with (
        installation(tmp_path, dialects=tuple(DIALECTS), max_parts=3) as house,
        house.client() as ann,
    ):
        answer = await begin(ann, "attachfast", "one", 4)
        assert answer.status_code == 422
        assert answer.json() == {"errors": ["The upload has too many parts: at most 3"]}
        assert answer.headers["coatcheck-limit"] == "max_parts=3"
        assert (await begin(ann, "attachfast", "one", 3)).status_code == 202


@pytest.mark.parametrize(
    ("sizes", "total", "told"),
    [
        ({"max_chunk_size": 1 << 20}, 1 << 21, f"size={1 << 20}"),
        ({"max_size": 1 << 20}, 1 << 21, f"size={1 << 20}"),
    ],
)
async def test_a_chunk_is_told_the_limit_of_its_size_and_of_the_whole(
    tmp_path: Path, sizes: dict[str, int], total: int, told: str
) -> None:
    async with (
        installation(tmp_path, dialects=tuple(DIALECTS), **sizes) as house,
        house.client() as ann,
    ):
        answer = await ann.post(
            "/api/large_files",
            **form(b"x" * ((1 << 20) + 1), key="one", chunk="1", total_size=str(total)),
        )
        assert (answer.status_code, answer.headers.get("coatcheck-limit")) == (422, told)


async def test_a_quota_says_how_much_of_it_is_taken(tmp_path: Path) -> None:
    async with (
        installation(tmp_path, dialects=tuple(DIALECTS), quota_bytes=1500) as house,
        house.client() as ann,
    ):
        await deposit(ann, "native", b"x" * 1000)
        answer = await deposit(ann, "native", b"y" * 600)
        assert (answer.status_code, answer.json()["limit"]) == (507, 1500)
        assert "1000 of 1500 bytes" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("messages", "limit"),
    [
        ([], "first_byte_timeout=0.05"),
        ([{"type": "http.request", "body": b"x", "more_body": True}], "min_rate=4"),
    ],
)
async def test_who_sends_too_slowly_is_told_what_is_expected(
    messages: list[dict[str, Any]], limit: str
) -> None:

    async def receive() -> Any:
        if messages:
            return messages.pop()
        return await asyncio.sleep(60)

    body = RequestBody(receive, first_byte=0.05, min_rate=4, window=0.05)
    with pytest.raises(errors.TimedOut) as refusal:
        async for _ in body:
            pass
    assert problem_of(refusal.value, {}).headers["Coatcheck-Limit"] == limit


@pytest.mark.parametrize(
    "kind", [errors.TooMany, errors.TooLarge, errors.QuotaExceeded, errors.RateLimited]
)
async def test_pages_of_other_origins_may_read_it(
    tmp_path: Path, kind: type[errors.CoatcheckError], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise kind(limit=5, what="some")

    async with (
        installation(tmp_path, dialects=tuple(DIALECTS)) as house,
        house.client() as ann,
    ):
        monkeypatch.setattr(type(house.services.keys), "authenticate", refuse)
        answer = await ann.get("/api/files", headers={"Origin": "https://a.example"})
        assert answer.headers["coatcheck-limit"] == "some=5"
        assert "Coatcheck-Limit" in answer.headers["access-control-expose-headers"]
