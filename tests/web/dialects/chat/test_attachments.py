"""Upload, show, rename, delete."""

from __future__ import annotations

from typing import Any

import httpx

from tests.kit import BASE, Installation
from tests.web.dialects.chat.speaking import (
    END,
    FORM,
    KEYS,
    NEVER,
    NOT_FOUND,
    URLENCODED,
    form,
    ids,
    refusal,
    sent,
    told,
    upload,
    uploaded,
)


async def test_an_upload_is_told_by_seven_keys(ann: httpx.AsyncClient, house: Installation) -> None:
    answer = await upload(ann, b"%PDF-1.4", "Invoice room.pdf", "application/pdf")
    file = told(answer, 201)
    assert list(file) == KEYS
    assert len(file["id"]) == 16
    assert file["id"].isalnum()
    assert answer.headers["location"] == f"{BASE}/v1/attachments/{file['id']}"
    assert file == {
        "id": file["id"],
        "message_id": None,
        "filename": "Invoice room.pdf",
        "file_url": f"{BASE}/assets/attachments/{file['id']}/Invoice%20room.pdf",
        "file_type": "application/pdf",
        "file_size": 8,
        "created_at": house.clock.now() // 1000,
    }
    assert told(await ann.get(answer.headers["location"])) == file
    assert told(await ann.get("/v1/attachments")) == {"has_more": False, "data": [file]}


async def test_a_text_field_is_not_a_file_and_never_a_path(
    ann: httpx.AsyncClient, house: Installation
) -> None:
    """What curl sends where the @ before the path was forgotten."""
    for text in ("../Invoice_room_service__Plaza_Hotel.pdf", "/etc/passwd", str(house.settings)):
        answer = await ann.post("/v1/attachments", files={"file": (None, text)})
        status, message = refusal(answer)
        assert status == 400
        assert message.startswith("file must be uploaded as multipart file content")
    for body in (
        form(b"x", name="other"),
        form(b"x", name="other", filename=None),
        form(b"", filename=""),
        END,
    ):
        answer = await ann.post("/v1/attachments", content=body, headers=FORM)
        assert refusal(answer) == (400, "file is required.")
    assert await ids(ann) == []
    assert house.blobs() == []


async def test_an_empty_file_is_one(ann: httpx.AsyncClient) -> None:
    file = await uploaded(ann, b"")
    assert file["file_size"] == 0
    assert (await ann.get(file["file_url"])).content == b""


async def test_what_is_too_large_is_refused(ann: httpx.AsyncClient, house: Installation) -> None:
    assert (await uploaded(ann, bytes(100_000)))["file_size"] == 100_000
    assert refusal(await upload(ann, bytes(100_001)))[0] == 413
    assert len(await ids(ann)) == 1
    assert len(house.blobs()) == 1


async def test_the_type_is_the_parts_or_the_names_or_the_contents(ann: httpx.AsyncClient) -> None:
    png = b"\x89PNG\r\n\x1a\n" + bytes(30)
    for name, declared, content, expected in (
        ("a.bin", "application/pdf", b"x", "application/pdf"),
        ("a.pdf", "application/octet-stream", b"x", "application/pdf"),
        ("a", "application/octet-stream", png, "image/png"),
        ("a", "application/octet-stream", b"x", "application/octet-stream"),
        ("a", "a/b/c", b"x", "application/octet-stream"),
    ):
        assert (await uploaded(ann, content, name, declared))["file_type"] == expected, name


async def test_a_rename_shows_in_the_name_and_in_the_link(ann: httpx.AsyncClient) -> None:
    file = await uploaded(ann, name="old.txt")
    path = f"/v1/attachments/{file['id']}"
    renamed = told(await ann.put(path, data={"filename": "new name.pdf"}))
    assert renamed == file | {
        "filename": "new name.pdf",
        "file_url": f"{BASE}/assets{path.removeprefix('/v1')}/new%20name.pdf",
    }
    assert told(await ann.get(path)) == renamed
    again = told(await ann.put(path, json={"filename": "again.txt"}))
    assert again["filename"] == "again.txt"
    # The old link goes on leading there.
    answer = await ann.get(file["file_url"])
    assert answer.headers["content-disposition"] == "inline; filename=again.txt"


async def test_a_name_is_taken_as_curl_sends_it(ann: httpx.AsyncClient) -> None:
    """`curl -d` sends a text as it was typed, not encoded."""
    file = await uploaded(ann)
    for body, name in (
        ("filename=Müller & Co.pdf".replace("&", "%26"), "Müller & Co.pdf"),
        ("filename=M%C3%BCller+1.pdf", "Müller 1.pdf"),
        ("filename=../../etc/passwd", "passwd"),
    ):
        answer = await ann.put(
            f"/v1/attachments/{file['id']}", content=body.encode(), headers=URLENCODED
        )
        assert told(answer)["filename"] == name


async def test_a_rename_without_a_name_changes_nothing(ann: httpx.AsyncClient) -> None:
    file = await uploaded(ann)
    path = f"/v1/attachments/{file['id']}"
    unchanging: list[dict[str, Any]] = [
        {},
        {"json": {}},
        {"data": {"other": "x"}},
        {"json": {"filename": None}},
    ]
    for options in unchanging:
        assert told(await ann.put(path, **options)) == file
    for name in ("", " ", "..", "a/", "\u202e", "x" * 256):
        for body in ({"json": {"filename": name}}, {"data": {"filename": name}}):
            assert refusal(await ann.put(path, **body))[0] == 400  # type: ignore[arg-type]
    for value in (5, ["a"], {"a": 1}, True):
        assert refusal(await ann.put(path, json={"filename": value}))[0] == 400
    assert refusal(await ann.put(path, content=b"filename=a&filename=b", headers=URLENCODED))
    assert told(await ann.get(path)) == file


async def test_a_rename_changes_nothing_else(ann: httpx.AsyncClient) -> None:
    file = await uploaded(ann)
    wish = {"id": NEVER, "message_id": NEVER, "owner": "eve", "file_size": 0, "state": "claimed"}
    answer = await ann.put(f"/v1/attachments/{file['id']}", json={**wish, "filename": "b.txt"})
    link = file["file_url"].replace("report.txt", "b.txt")
    assert told(answer) == file | {"filename": "b.txt", "file_url": link}


async def test_what_is_deleted_is_gone_from_everywhere(
    ann: httpx.AsyncClient, house: Installation
) -> None:
    file, other = await uploaded(ann, bytes(5000)), await uploaded(ann, bytes(5001))
    message = await sent(ann, file["id"], other["id"])
    path = f"/v1/attachments/{file['id']}"
    answer = await ann.delete(path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert refusal(await ann.get(path)) == NOT_FOUND
    assert refusal(await ann.put(path, json={"filename": "x"})) == NOT_FOUND
    assert refusal(await ann.delete(path)) == NOT_FOUND
    assert refusal(await ann.get(file["file_url"])) == NOT_FOUND
    assert await ids(ann) == [other["id"]]
    shown = told(await ann.get(f"/v1/messages/{message['id']}"))
    assert [each["id"] for each in shown["attachments"]] == [other["id"]]
    assert len(house.blobs()) == 1


async def test_nothing_expires(ann: httpx.AsyncClient, house: Installation) -> None:
    file = await uploaded(ann, bytes(5000))
    message = await sent(ann, file["id"])
    await ann.delete(f"/v1/messages/{message['id']}")
    house.clock.advance(400 * 24 * 3600)
    await house.services.reaping.sweep()
    assert told(await ann.get(f"/v1/attachments/{file['id']}")) == file
    assert (await ann.get(file["file_url"])).content == bytes(5000)
