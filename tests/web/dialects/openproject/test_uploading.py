"""The two-part form, as its specification has it and as its clients send it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.kit import Installation, installation
from tests.web.dialects.openproject.speaking import (
    END,
    FORM,
    PNG,
    Part,
    assert_nothing_is_left,
    file,
    metadata,
    part,
    refusal,
    told,
    upload,
    uploaded,
)
from tests.web.raw import raw

PATH = "/api/v3/attachments"


async def test_a_new_attachment_is_shown_whole_and_says_where_it_is(ann: httpx.AsyncClient) -> None:
    answer = await upload(ann, description={"raw": "A picture of a <cute> cat"})

    assert answer.headers["location"] == "/api/v3/attachments/1"
    assert told(answer) == {
        "_type": "Attachment",
        "id": 1,
        "title": "cat.png",
        "fileName": "cat.png",
        "fileSize": len(PNG),
        "filesize": len(PNG),
        "description": {
            "format": "plain",
            "raw": "A picture of a <cute> cat",
            "html": "<p>A picture of a &lt;cute&gt; cat</p>",
        },
        "status": "uploaded",
        "contentType": "image/png",
        "digest": {"algorithm": "md5", "hash": hashlib.md5(PNG).hexdigest()},
        "createdAt": "2025-06-15T15:06:40Z",
        "_links": {
            "self": {"href": "/api/v3/attachments/1", "title": "cat.png"},
            "author": {"href": "/api/v3/users/1", "title": "ann"},
            "container": {"href": None},
            "staticDownloadLocation": {"href": "/api/v3/attachments/1/content"},
            "downloadLocation": {"href": "/api/v3/attachments/1/content"},
            "delete": {"href": "/api/v3/attachments/1", "method": "delete"},
        },
    }
    assert told(await ann.get(answer.headers["location"])) == answer.json()


@pytest.mark.parametrize(
    ("parts", "raw_description"),
    [
        pytest.param([metadata(), file()], "", id="requests, curl"),
        pytest.param([metadata(description={"raw": "d"}), file()], "d", id="openproject-cli"),
        pytest.param([metadata(description="plain"), file()], "plain", id="agent-tool"),
        pytest.param(
            [
                ("file", ("attachment", PNG, None)),
                ("metadata", (None, metadata(description={"raw": "d"})[1][1], None)),
            ],
            "d",
            id="pyopenproject",
        ),
        pytest.param(
            [("metadata", ("blob", metadata()[1][1], "application/json")), file()], "", id="Blob"
        ),
        pytest.param(
            [file(), ("metadata", ("blob", metadata()[1][1], "application/json"))],
            "",
            id="Blob last",
        ),
        pytest.param([metadata(description=None), file()], "", id="null description"),
        pytest.param([metadata(description={"raw": None}), file()], "", id="null raw"),
        pytest.param(
            [("extra", (None, b"x", None)), metadata(), file(), ("more", ("f", b"y", None))],
            "",
            id="parts too many",
        ),
    ],
)
async def test_every_form_that_real_clients_send_is_taken(
    ann: httpx.AsyncClient, parts: list[Part], raw_description: str
) -> None:
    made = told(await ann.post(PATH, files=parts))
    assert (made["fileName"], made["fileSize"]) == ("cat.png", len(PNG))
    assert made["description"]["raw"] == raw_description
    assert (await ann.get(f"{PATH}/1/content")).content == PNG


@pytest.mark.parametrize("size", [0, 16, 17, 3 * 1024 * 1024 + 7])
async def test_bytes_come_back_as_they_were_sent(
    ann: httpx.AsyncClient, house: Installation, size: int
) -> None:
    content = hashlib.shake_128(b"seed").digest(size)
    made = await uploaded(ann, content, "a.bin")
    assert made["fileSize"] == size
    assert made["digest"]["hash"] == hashlib.md5(content).hexdigest()
    assert (await ann.get(f"{PATH}/1/content")).content == content
    assert len(house.blobs()) == (size > 16)


async def test_every_upload_is_a_new_attachment(ann: httpx.AsyncClient) -> None:
    assert [(await uploaded(ann))["id"] for _ in range(3)] == [1, 2, 3]


PARTS = "The request body did not contain the expected multipart parts."
JSON = "The request could not be parsed as JSON."
OBJECT = "The request body was not a single JSON object."
VIOLATION, FORMAT, BODY = "PropertyConstraintViolation", "PropertyFormatError", "InvalidRequestBody"


def text(value: str | bytes) -> Part:
    content = value.encode() if isinstance(value, str) else value
    return "metadata", (None, content, "application/json")


LADDER = [
    ("no metadata", [file()], (400, BODY, PARTS, None)),
    ("no file", [metadata()], (400, BODY, PARTS, None)),
    ("neither", [("other", (None, b"x", None))], (400, BODY, PARTS, None)),
    ("not JSON", [text('{"fileName":'), file()], (400, BODY, JSON, None)),
    ("nothing", [text(""), file()], (400, BODY, JSON, None)),
    ("not UTF-8", [text(b'{"fileName": "\xff"}'), file()], (400, BODY, JSON, None)),
    ("a key twice", [text('{"fileName":"a","fileName":"b"}'), file()], (400, BODY, JSON, None)),
    ("half a pair", [text('{"fileName":"\\ud800.png"}'), file()], (400, BODY, JSON, None)),
    ("NUL", [text('{"fileName":"a\\u0000.png"}'), file()], (400, BODY, JSON, None)),
    ("too deep", [text("[" * 5000 + "]" * 5000), file()], (400, BODY, JSON, None)),
    ("NaN", [text('{"fileName":"a","x":NaN}'), file()], (400, BODY, JSON, None)),
    (
        "2 MB",
        [text('{"fileName":"a","x":"' + "y" * 2_000_000 + '"}'), file()],
        (400, BODY, JSON, None),
    ),
    ("a list", [text('["cat.png"]'), file()], (400, BODY, OBJECT, None)),
    ("null", [text("null"), file()], (400, BODY, OBJECT, None)),
    ("no name", [text("{}"), file()], (422, VIOLATION, "File can't be blank.", "fileName")),
    ("null name", [metadata(None), file()], (422, VIOLATION, "File can't be blank.", "fileName")),
    ("empty name", [metadata(""), file()], (422, VIOLATION, "File can't be blank.", "fileName")),
    ("blank name", [metadata(" \t"), file()], (422, VIOLATION, "File can't be blank.", "fileName")),
    ("a number", [metadata(5), file()], (422, FORMAT, None, "fileName")),
    ("an object", [metadata({"a": 1}), file()], (422, FORMAT, None, "fileName")),
    (
        "a name too long",
        [metadata("n" * 256), file()],
        (422, VIOLATION, "File is too long (maximum is 255 characters).", "fileName"),
    ),
    ("only dots", [metadata(".."), file()], (422, VIOLATION, "File is invalid.", "fileName")),
    ("a folder", [metadata("a/"), file()], (422, VIOLATION, "File is invalid.", "fileName")),
    ("a text", [metadata(), ("file", (None, b"../x", None))], (422, FORMAT, None, "file")),
    (
        "a long text",
        [metadata(), ("file", (None, b"x" * 70_000, None))],
        (422, FORMAT, None, "file"),
    ),
    (
        "a long description",
        [metadata(description="d" * 256), file()],
        (422, VIOLATION, "Description is too long (maximum is 255 characters).", "description"),
    ),
    (
        "a long raw description",
        [metadata(description={"raw": "d" * 256}), file()],
        (422, VIOLATION, "Description is too long (maximum is 255 characters).", "description"),
    ),
    (
        "a numbered description",
        [metadata(description=5), file()],
        (422, FORMAT, None, "description"),
    ),
    ("two files", [metadata(), file(), file()], (400, BODY, None, None)),
    ("metadata twice", [metadata(), metadata(), file()], (400, BODY, None, None)),
]


@pytest.mark.parametrize("backwards", [False, True], ids=["in order", "file first"])
@pytest.mark.parametrize(
    ("parts", "expected"), [row[1:] for row in LADDER], ids=[row[0] for row in LADDER]
)
async def test_what_is_wrong_with_a_form_is_told_in_upstreams_words(
    ann: httpx.AsyncClient,
    house: Installation,
    parts: list[Part],
    expected: tuple[int, str, str | None, str | None],
    backwards: bool,
) -> None:
    answer = await ann.post(PATH, files=parts[::-1] if backwards else parts)
    status, identifier, message, attribute = refusal(answer)
    assert (status, identifier, attribute) == (expected[0], expected[1], expected[3])
    assert expected[2] in (message, None)
    await assert_nothing_is_left(house)
    await uploaded(ann)


@pytest.mark.parametrize(
    ("parts", "first"),
    [
        ([text("{"), ("file", (None, b"x", None))], JSON),
        ([text("[]"), ("file", (None, b"x", None))], OBJECT),
        ([text("{}"), ("file", (None, b"x", None))], "File can't be blank."),
        ([metadata("", description="d" * 300), file()], "File can't be blank."),
    ],
)
async def test_of_several_faults_the_first_of_the_ladder_is_told(
    ann: httpx.AsyncClient, parts: list[Part], first: str
) -> None:
    assert refusal(await ann.post(PATH, files=parts))[2] == first


async def test_the_limits_themselves_are_allowed(ann: httpx.AsyncClient) -> None:
    made = await uploaded(ann, b"x", "n" * 251 + ".txt", description="ä" * 255)
    assert len(made["fileName"]) == len(made["description"]["raw"]) == 255


@pytest.mark.parametrize("first", [True, False])
async def test_a_file_too_large_is_refused_in_the_documented_words(
    ann: httpx.AsyncClient, house: Installation, first: bool
) -> None:
    limit = 5 * 1024 * 1024
    assert (await uploaded(ann, bytes(limit), "a.bin"))["fileSize"] == limit
    assert (await ann.delete(f"{PATH}/1")).status_code == 204

    parts = [metadata(), file(bytes(limit + 1))]
    answer = await ann.post(PATH, files=parts if first else parts[::-1])

    assert refusal(answer) == (
        422,
        "PropertyConstraintViolation",
        "File is too large (maximum size is 5242880 Bytes).",
        "file",
    )
    await assert_nothing_is_left(house)


async def test_no_more_is_read_than_shows_that_a_file_is_too_large(house: Installation) -> None:
    megabyte = bytes(1024 * 1024)
    body = [part("metadata", b'{"fileName":"a"}'), part("file", b"", filename="a")[:-2]]
    pieces = [*body, *[megabyte] * 50, b"\r\n", END]
    headers = {"Authorization": f"Bearer {await house.key()}", **FORM}

    answer = await raw(house, "POST", PATH, pieces, headers)

    assert answer.status == 422
    assert answer.taken < 10


async def test_metadata_that_came_first_are_judged_before_the_bytes(house: Installation) -> None:
    body = [part("metadata", b'{"fileName":""}'), part("file", b"", filename="a")[:-2]]
    headers = {"Authorization": f"Bearer {await house.key()}", **FORM}
    answer = await raw(house, "POST", PATH, [*body, *[bytes(1000)] * 50, b"\r\n", END], headers)
    assert (answer.status, answer.taken) == (422, 2)


@pytest.mark.parametrize("pieces", [1, 2, 3])
async def test_a_sender_who_hangs_up_leaves_nothing(house: Installation, pieces: int) -> None:
    body = [part("metadata", b'{"fileName":"a"}'), part("file", b"", filename="a"), PNG * 100]
    headers = {"Authorization": f"Bearer {await house.key()}", **FORM}
    await raw(house, "POST", PATH, body[:pieces], headers, hang_up=True)
    await assert_nothing_is_left(house)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        END,
        part("metadata", b'{"fileName":"a"}') + part("file", PNG, filename="a"),
        part("metadata", b'{"fileName":"a"}') + part("file", PNG, filename="a") + END[:5],
        b"x" * 100_000 + part("metadata", b"{}") + END,
        part("metadata", b'{"fileName":"a"}') + b"".join(part("x", b"") for _ in range(100)) + END,
        part("metadata", b"{}", extra="Content-Transfer-Encoding: base64\r\n") + END,
        part("metadata", b"{}", extra="Content-Type: multipart/mixed; boundary=a\r\n") + END,
        part("metadata", b"{}", extra="X: y\r\n" * 10) + END,
        b"--XBX\r\nContent-Disposition: form-data\r\n\r\nx\r\n" + END,
    ],
)
async def test_what_is_no_form_is_refused_and_leaves_nothing(
    ann: httpx.AsyncClient, house: Installation, body: bytes
) -> None:
    answer = await ann.post(PATH, content=body, headers=FORM)
    assert refusal(answer)[:2] == (400, "InvalidRequestBody")
    await assert_nothing_is_left(house)


async def test_a_file_that_nobody_chose_is_a_part_that_is_missing(ann: httpx.AsyncClient) -> None:
    body = part("metadata", b'{"fileName":"a"}') + part("file", b"", filename="") + END
    answer = await ann.post(PATH, content=body, headers=FORM)
    assert refusal(answer) == (400, "InvalidRequestBody", PARTS, None)


@pytest.mark.parametrize(
    "boundary", ["", "; boundary=", "; boundary=" + "b" * 71, "; boundary=a; boundary=b"]
)
async def test_a_form_without_a_usable_boundary_is_refused(
    ann: httpx.AsyncClient, boundary: str
) -> None:
    headers = {"Content-Type": f"multipart/form-data{boundary}"}
    answer = await ann.post(PATH, content=END, headers=headers)
    assert refusal(answer)[:2] == (400, "InvalidRequestBody")


@pytest.mark.parametrize(
    "given", ["application/json", "text/plain", "multipart/mixed; boundary=a", "x"]
)
@pytest.mark.parametrize("path", [PATH, "/api/v3/wiki_pages/1/attachments", f"{PATH}/prepare"])
async def test_another_content_type_is_refused_with_what_was_expected(
    ann: httpx.AsyncClient, given: str, path: str
) -> None:
    answer = await ann.post(path, content=b"{}", headers={"Content-Type": given})
    message = f"Expected CONTENT-TYPE to be 'multipart/form-data' but got '{given}'."
    assert refusal(answer) == (415, "TypeNotSupported", message, None)


async def test_an_upload_without_a_content_type_is_not_acceptable(ann: httpx.AsyncClient) -> None:
    for path in (PATH, f"{PATH}/prepare"):
        answer = await ann.post(path)
        assert (answer.status_code, answer.text) == (406, "Missing content-type header")
        assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\x.png", "x.png"),
        ("C:\\temp\\x.png", "x.png"),
        ("\u202egpj.exe", "gpj.exe"),
        ("a\tb\r\nc.txt", "abc.txt"),
        ("e\u0301.txt", "\u00e9.txt"),
        ("<img src=x onerror=alert(1)>.png", "<img src=x onerror=alert(1)>.png"),
        ("CON", "CON"),
        (" a b .txt ", "a b .txt"),
    ],
)
async def test_names_are_cleaned_and_never_paths(
    ann: httpx.AsyncClient, house: Installation, sent: str, kept: str
) -> None:
    made = await uploaded(ann, name=sent)
    assert made["fileName"] == made["title"] == kept
    assert all(path.name != kept for path in house.blobs())


@pytest.mark.parametrize(
    ("name", "content", "kept"),
    [
        ("a.txt", PNG, "text/plain"),
        ("a.pdf", b"hello", "application/pdf"),
        ("nameless", PNG, "image/png"),
        ("nameless", b"hello", "application/octet-stream"),
        ("a.png", b"<script>alert(1)</script>", "text/html"),
        ("a.md", b"<html>", "text/markdown"),
    ],
)
async def test_the_type_comes_from_name_and_content_and_not_from_the_sender(
    ann: httpx.AsyncClient, name: str, content: bytes, kept: str
) -> None:
    parts = [metadata(name), file(content, "x.html", "application/x-lies")]
    assert told(await ann.post(PATH, files=parts))["contentType"] == kept


ALLOWLIST = "image/png,text/*,*.Zip"


@pytest.mark.parametrize(
    ("name", "content", "refused"),
    [
        ("a.png", PNG, None),
        ("a.csv", b"a,b", None),
        ("a.ZIP", b"PK\x03\x04", None),
        ("a.jpg", PNG, "image/jpeg"),
        ("a.zip.exe", b"MZ", "application/vnd.microsoft.portable-executable"),
        ("zip", b"x", "application/octet-stream"),
    ],
)
async def test_only_what_the_allowlist_names_is_taken(
    tmp_path: Path, name: str, content: bytes, refused: str | None
) -> None:
    settings: dict[str, Any] = {"openproject_allowlist": ALLOWLIST, "inline_max": 0}
    async with installation(tmp_path, **settings) as house, house.client() as ann:
        for parts in ([metadata(name), file(content)], [file(content), metadata(name)]):
            answer = await ann.post(PATH, files=parts)
            if refused is None:
                assert told(answer)["fileName"] == name
            else:
                message = f"'{refused}' is not allowed for upload."
                expected = (422, "PropertyConstraintViolation", message, "contentType")
                assert refusal(answer) == expected
        if refused:
            await assert_nothing_is_left(house)


async def test_an_installation_may_say_created_as_upstreams_servers_do(tmp_path: Path) -> None:
    async with (
        installation(tmp_path, openproject_created_status=201) as house,
        house.client() as ann,
    ):
        told(await upload(ann), 201)
        told(await upload(ann, path="/api/v3/posts/1/attachments"), 201)


async def test_an_installation_may_set_another_limit_within_its_own(tmp_path: Path) -> None:
    async with (
        installation(tmp_path, max_size=10, openproject_max_size=20) as house,
        house.client() as ann,
    ):
        message = refusal(await upload(ann, bytes(11)))[2]
        assert message == "File is too large (maximum size is 10 Bytes)."
        configuration = told(await ann.get("/api/v3/configuration"))
        assert configuration["maximumAttachmentFileSize"] == 10


async def test_a_full_quota_is_told_as_a_violation(tmp_path: Path) -> None:
    async with installation(tmp_path, quota_bytes=150) as house, house.client() as ann:
        await uploaded(ann)
        answer = refusal(await upload(ann))
        assert answer[:2] == (422, "PropertyConstraintViolation")
        assert answer[3] == "file"


NO_DIRECT_UPLOADS = (
    "Direct file upload is not available due to a system configuration issue. "
    "Please contact your administrator."
)


@pytest.mark.folder
async def test_a_direct_upload_cannot_be_prepared_here(ann: httpx.AsyncClient) -> None:
    sent = {"fileName": "a.bin", "fileSize": 3}
    parts = [("metadata", (None, json.dumps(sent).encode(), "application/json"))]
    for path in (PATH, "/api/v3/work_packages/1/attachments", "/api/v3/meetings/7/attachments"):
        answer = await ann.post(f"{path}/prepare", files=parts)
        assert refusal(answer)[:3] == (
            422,
            "PropertyConstraintViolation",
            NO_DIRECT_UPLOADS,
        )
