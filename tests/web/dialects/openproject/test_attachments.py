"""One attachment by its id: seen, downloaded, deleted, forgotten."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.books import assert_books_balance
from tests.kit import Installation, installation
from tests.web.dialects.openproject.speaking import (
    NOT_FOUND,
    PNG,
    assert_nothing_is_left,
    refusal,
    told,
    uploaded,
    work_package,
)

CONTENT = "/api/v3/attachments/1/content"

#: A kind of post in Campr's API.
STATUS = "https://campr.me/types/status/v1"


async def test_an_upload_is_whole_as_soon_as_it_is_there(ann: httpx.AsyncClient) -> None:
    made = await uploaded(ann)
    assert told(await ann.get("/api/v3/attachments/1/uploaded")) == made
    assert refusal(await ann.get("/api/v3/attachments/2/uploaded")) == NOT_FOUND


async def test_a_deleted_attachment_is_gone_at_once_with_its_bytes(
    ann: httpx.AsyncClient, house: Installation
) -> None:
    await uploaded(ann)
    assert len(house.blobs()) == 1

    answer = await ann.delete("/api/v3/attachments/1")

    assert (answer.status_code, answer.content) == (204, b"")
    for path in ("", "/uploaded", "/content", "/download"):
        assert refusal(await ann.get(f"/api/v3/attachments/1{path}")) == NOT_FOUND
    assert refusal(await ann.delete("/api/v3/attachments/1")) == NOT_FOUND
    await assert_nothing_is_left(house)


async def test_a_delete_needs_no_content_type_and_minds_none(ann: httpx.AsyncClient) -> None:
    await uploaded(ann)
    await uploaded(ann)
    assert (await ann.delete("/api/v3/attachments/1")).status_code == 204
    headers = {"Content-Type": "application/json;charset=utf-8"}
    assert (await ann.delete("/api/v3/attachments/2", headers=headers)).status_code == 204


async def test_what_nobody_claims_is_gone_after_three_hours(
    ann: httpx.AsyncClient, house: Installation
) -> None:
    await uploaded(ann)
    await uploaded(ann, path="/api/v3/wiki_pages/1/attachments")
    await uploaded(ann)
    await work_package(ann, 3)

    house.clock.advance(180 * 60 - 1)
    assert (await ann.get(CONTENT)).content == PNG
    house.clock.advance(1)
    for path in ("", "/content"):
        assert refusal(await ann.get(f"/api/v3/attachments/1{path}")) == NOT_FOUND
    assert refusal(await ann.delete("/api/v3/attachments/1")) == NOT_FOUND
    assert len(house.blobs()) == 3

    house.clock.advance(61)
    await house.services.reaping.sweep()
    assert len(house.blobs()) == 2
    for kept in (2, 3):
        assert (await ann.get(f"/api/v3/attachments/{kept}/content")).content == PNG
    assert_books_balance(house, settled=True)


async def test_an_installation_may_keep_them_for_another_time(tmp_path: Path) -> None:
    async with installation(tmp_path, openproject_ttl=60) as house, house.client() as ann:
        await uploaded(ann)
        house.clock.advance(60)
        assert refusal(await ann.get("/api/v3/attachments/1")) == NOT_FOUND


@pytest.mark.parametrize(
    ("name", "content", "sent", "kind"),
    [
        ("a.png", PNG, "image/png", "inline"),
        ("a.txt", b"hello", "text/plain; charset=utf-8", "inline"),
        ("a.mp4", b"\x00\x00\x00\x18ftypmp42", "video/mp4", "inline"),
        ("a.html", b"<script>", "text/plain; charset=utf-8", "attachment"),
        ("a.xml", b"<?xml?>", "text/plain; charset=utf-8", "attachment"),
        ("a.js", b"alert(1)", "text/plain; charset=utf-8", "attachment"),
        ("a.svg", b"<svg onload='alert(1)'>", "application/octet-stream", "attachment"),
        ("a.xhtml", b"<html>", "text/plain; charset=utf-8", "attachment"),
        ("a.tif", b"II*\x00", "image/tiff", "attachment"),
        ("a.avi", b"RIFF", "video/x-msvideo", "attachment"),
        ("a.pdf", b"%PDF-1.7", "application/octet-stream", "attachment"),
        ("a.bin", b"\x00", "application/octet-stream", "attachment"),
    ],
)
async def test_no_browser_runs_what_it_downloads(
    ann: httpx.AsyncClient, name: str, content: bytes, sent: str, kind: str
) -> None:
    await uploaded(ann, content, name)
    for path in ("content", "download?response-content-type=text/html&inline=1&filename=x.html"):
        answer = await ann.get(f"/api/v3/attachments/1/{path}")
        assert (answer.status_code, answer.content) == (200, content)
        assert answer.headers["content-type"] == sent
        assert answer.headers["content-disposition"] == f"{kind}; filename={name}"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert answer.headers["referrer-policy"] == "no-referrer"


async def test_a_client_may_keep_what_it_has_and_no_cache_in_between_may(
    ann: httpx.AsyncClient,
) -> None:
    await uploaded(ann)
    headers = (await ann.get(CONTENT)).headers
    assert headers["cache-control"] == "private, max-age=604799"
    assert headers["expires"] == "Sun, 22 Jun 2025 15:06:39 GMT"
    assert "Authorization" in headers["vary"]
    assert headers["etag"] == f'"{hashlib.sha256(PNG).hexdigest()}"'
    again = await ann.get(CONTENT, headers={"If-None-Match": headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("asked", "status", "content"),
    [
        ("bytes=0-7", 206, PNG[:8]),
        ("bytes=-5", 206, PNG[-5:]),
        ("bytes=100-", 206, PNG[100:]),
        ("bytes=9-1", 200, PNG),
        ("bytes=0-1,3-4", 200, PNG),
        ("lines=0-1", 200, PNG),
    ],
)
async def test_ranges_are_answered(
    ann: httpx.AsyncClient, asked: str, status: int, content: bytes
) -> None:
    await uploaded(ann)
    answer = await ann.get(CONTENT, headers={"Range": asked})
    assert (answer.status_code, answer.content) == (status, content)


async def test_a_range_outside_the_content_is_told_with_its_size(ann: httpx.AsyncClient) -> None:
    await uploaded(ann)
    answer = await ann.get(CONTENT, headers={"Range": f"bytes={len(PNG)}-"})
    assert refusal(answer)[:2] == (416, "BadRequest")
    assert answer.headers["content-range"] == f"bytes */{len(PNG)}"


@pytest.mark.parametrize(
    "path",
    [
        "/api/v3/attachments/1",
        CONTENT,
        "/api/v3/attachments/1/download",
        "/api/v3/work_packages/1",
        "/api/v3/work_packages/1/attachments",
        "/api/v3/posts/1/attachments",
        "/api/v3",
        "/api/v3/configuration",
    ],
)
async def test_head_answers_as_get_does_without_a_body(ann: httpx.AsyncClient, path: str) -> None:
    await uploaded(ann)
    full, head = await ann.get(path), await ann.head(path)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-type", "content-length", "etag", "content-disposition"):
        assert head.headers.get(name) == full.headers.get(name)


@pytest.mark.parametrize(
    ("name", "saved_as"),
    [
        (".htaccess", "_.htaccess"),
        ("CON", "_CON"),
        ("desktop.ini", "_desktop.ini"),
        ('a"b\\c;d.png', None),
        ("día & noche €.png", None),
    ],
)
async def test_a_download_is_saved_under_a_harmless_name(
    ann: httpx.AsyncClient, name: str, saved_as: str | None
) -> None:
    await uploaded(ann, name=name)
    disposition = (await ann.get(CONTENT)).headers["content-disposition"]
    assert disposition.isascii()
    if saved_as:
        assert disposition.endswith(f"filename={saved_as}")
    else:
        assert disposition.count("filename=") == disposition.count("filename*=UTF-8''") == 1


@pytest.mark.folder
async def test_damaged_bytes_are_never_sent_as_if_they_were_whole(
    ann: httpx.AsyncClient, house: Installation
) -> None:
    await uploaded(ann)
    (blob,) = house.blobs()
    blob.chmod(0o600)
    blob.write_bytes(PNG[:50])
    answer = refusal(await ann.get(CONTENT))
    assert answer == (500, "InternalServerError", "An internal error has occurred.", None)


@pytest.fixture
async def everywhere(tmp_path: Path) -> AsyncIterator[Installation]:
    async with installation(
        tmp_path / "all", dialects=("openproject", "campr", "attachfast"), rate_limits="off"
    ) as house:
        yield house


async def test_what_was_left_through_another_api_is_shown_whole(everywhere: Installation) -> None:
    async with everywhere.client() as ann:
        headers = {"Content-Type": "text/plain"}
        await ann.post("/attachments", content=b"hello", headers=headers)
        shown = told(await ann.get("/api/v3/attachments/1"))
        assert shown["digest"] == {"algorithm": "md5", "hash": hashlib.md5(b"hello").hexdigest()}
        assert shown["fileName"]
        assert shown["_links"]["container"] == {"href": None}
        await work_package(ann, 1)
        assert (await ann.get(CONTENT)).content == b"hello"


async def test_a_file_of_the_site_may_be_deleted_by_whoever_may_delete_it_there(
    everywhere: Installation,
) -> None:
    async with everywhere.client() as ann, everywhere.client(login="bob") as bob:
        await ann.post("/api/files", files={"file": ("a.txt", b"hello")})
        shown = told(await bob.get("/api/v3/attachments/1"))
        assert shown["_links"]["container"] == {"href": None}
        assert "delete" in shown["_links"]
        assert (await bob.delete("/api/v3/attachments/1")).status_code == 204


async def test_what_a_container_of_another_api_holds_is_not_deleted_here(
    everywhere: Installation,
) -> None:
    async with everywhere.client() as ann, everywhere.client(login="bob") as bob:
        made = await ann.post("/attachments", content=b"hello")
        digest = hashlib.sha3_256(b"hello").hexdigest()
        assert made.is_success
        draft = {"type": STATUS, "content": {"text": "hi"}, "attachments": [{"digest": digest}]}
        posted = await ann.post("/posts", json=draft)
        assert posted.is_success, posted.text
        for client in (ann, bob):
            shown = told(await client.get("/api/v3/attachments/1"))
            assert "delete" not in shown["_links"]
            answer = refusal(await client.delete("/api/v3/attachments/1"))
            message = "You are not authorized to access this resource."
            assert answer == (403, "MissingPermission", message, None)
            assert (await client.get(CONTENT)).content == b"hello"
