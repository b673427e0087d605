"""Attacks on the form of an upload, through both routes: whatever comes, nothing stays."""

from __future__ import annotations

import httpx
import pytest

from tests.books import assert_books_balance
from tests.kit import Installation, installation
from tests.web.dialects.attachfast.asks import (
    BOUNDARY,
    END,
    FORM,
    PNG,
    assert_nothing_is_left,
    chunk,
    errors,
    files,
    part,
    principal,
    upload,
    uploaded,
)
from tests.web.raw import raw

FILE = part("file", bytes(5000), filename="x.bin")
CHUNK = part("chunk", b"1") + part("total_size", b"5000") + part("key", b"x.bin")
MALFORMED = (400, ["Malformed request"])

ROUTES = ["/api/files", "/api/large_files"]


def boundary(value: str) -> dict[str, str]:
    return {"Content-Type": f"multipart/form-data{value}"}


BAD_FORMS = {
    "no boundary": (FILE + END, boundary("")),
    "an empty boundary": (FILE + END, boundary("; boundary=")),
    "a long boundary": (FILE + END, boundary("; boundary=" + "b" * 71)),
    "a quoted boundary with a break": (FILE + END, boundary('; boundary="a\\"b"')),
    "no closing boundary": (FILE, FORM),
    "cut within the data": (FILE[:3000], FORM),
    "an empty body": (b"", FORM),
    "another boundary": (FILE.replace(b"XBX", b"YBY"), FORM),
    "a long preamble": (bytes(1024 * 1024) + FILE + END, FORM),
    "a long epilogue": (FILE + END + bytes(1024 * 1024), FORM),
    "nine headers": (
        part("file", PNG, filename="x", extra="".join(f"X-{n}: 1\r\n" for n in range(9))) + END,
        FORM,
    ),
    "a header of 10 KB": (
        part("file", PNG, filename="x", extra=f"X: {'x' * 10240}\r\n") + END,
        FORM,
    ),
    "1001 parts": (part("a", b"") * 1001 + END, FORM),
    "a part of parts": (
        part("file", PNG, filename="x", extra="Content-Type: multipart/mixed; boundary=Y\r\n")
        + END,
        FORM,
    ),
    "an outer type that is related": (
        FILE + END,
        {"Content-Type": f"multipart/related; boundary={BOUNDARY}"},
    ),
    "a header name with a space": (
        part("file", PNG, filename="x", extra="X Y: 1\r\n") + END,
        FORM,
    ),
    "an empty header name": (part("file", PNG, filename="x", extra=": 1\r\n") + END, FORM),
    "text/plain": (FILE + END, {"Content-Type": "text/plain"}),
    "no content type": (FILE + END, {}),
    "JSON": (b"{}", {"Content-Type": "application/json"}),
    "a name that is not UTF-8 given as NUL": (part("file", PNG, filename="x\0y") + END, FORM),
    "a NUL in a field": (part("folder", b"a\0b") + FILE + END, FORM),
    "a field that is not UTF-8": (part("folder", b"\xff\xfe") + FILE + END, FORM),
    "a bad urlencoded body": (b"folder=%ff", {"Content-Type": "application/x-www-form-urlencoded"}),
    "too many fields": (b"a=1&" * 100, {"Content-Type": "application/x-www-form-urlencoded"}),
}


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("attack", BAD_FORMS)
async def test_a_form_that_is_none_is_malformed_and_leaves_nothing(
    site: httpx.AsyncClient, house: Installation, route: str, attack: str
) -> None:
    body, headers = BAD_FORMS[attack]
    if route == "/api/large_files" and b"Content-Disposition" in body:
        body = CHUNK + body if body.startswith(b"--XBX") else body
    answer = await site.post(route, content=body, headers=headers)
    assert errors(answer) == MALFORMED
    assert await files(site) == []
    await assert_nothing_is_left(house)


@pytest.mark.parametrize("route", ROUTES)
async def test_a_second_file_takes_the_first_with_it(
    site: httpx.AsyncClient, house: Installation, route: str
) -> None:
    body = CHUNK + FILE + FILE + END
    answer = await site.post(route, content=body, headers=FORM)
    assert errors(answer) == (422, ["The form has two files"])
    await assert_nothing_is_left(house)


async def test_600_files_are_refused_at_the_second(
    site: httpx.AsyncClient, house: Installation
) -> None:
    piece = part("file", bytes(100_000), filename="x")
    pieces = [piece] * 600 + [END]
    headers = FORM | {"Authorization": f"Bearer {await house.key()}"}
    answer = await raw(house, "POST", "/api/files", pieces, headers)
    assert answer.status == 422
    assert answer.taken <= 4
    await assert_nothing_is_left(house)


async def test_a_field_given_twice_is_refused(site: httpx.AsyncClient, house: Installation) -> None:
    body = part("folder", b"a") + FILE + part("folder", b"b") + END
    answer = await site.post("/api/files", content=body, headers=FORM)
    assert errors(answer) == (422, ["A field is given twice"])
    await assert_nothing_is_left(house)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (part("file", b"text") + END, FORM),
        (part("other", PNG, filename="x") + END, FORM),
        (part("file", b"", filename="") + END, FORM),
        (END, FORM),
        (b"file=x&folder=a", {"Content-Type": "application/x-www-form-urlencoded"}),
        (b"", {}),
    ],
)
async def test_a_form_without_a_file_says_so(
    site: httpx.AsyncClient, house: Installation, body: bytes, headers: dict[str, str]
) -> None:
    answer = await site.post("/api/files", content=body, headers=headers)
    assert errors(answer) == (422, ["File is required"])
    await assert_nothing_is_left(house)


async def test_all_that_is_wrong_is_told_at_once(site: httpx.AsyncClient) -> None:
    for data in ({"folder": ".."}, {"folder": ".."}):
        answer = await site.post("/api/files", data=data)
        assert errors(answer) == (422, ["File is required", "Folder is invalid"])
    body = FILE.replace(b"x.bin", b"...") + part("folder", b"..") + END
    answer = await site.post("/api/files", content=body, headers=FORM)
    assert errors(answer) == (422, ["Folder is invalid", "File name is invalid"])


async def test_the_plain_file_name_decides(site: httpx.AsyncClient) -> None:
    for filename in (
        "ok.png\"; filename*=UTF-8''evil.html; x=\"",
        'ok.png"; filename*0="ev"; filename*1="il.html',
    ):
        body = part("file", PNG, filename=filename) + END
        answer = await site.post("/api/files", content=body, headers=FORM)
        assert answer.json()["filename"].startswith("ok")
        assert answer.json()["content_type"] == "image/png"


async def test_a_charset_is_not_listened_to(site: httpx.AsyncClient) -> None:
    for charset in ("punycode", "utf-7"):
        headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}; charset={charset}"}
        body = part("folder", b"+ADw-script") + FILE + END
        answer = await site.post("/api/files", content=body, headers=headers)
        assert answer.json()["filename"].startswith("+ADw-script")


async def test_almost_boundaries_are_data(site: httpx.AsyncClient) -> None:
    content = b"\r\n--XB" * 200_000
    body = part("file", content, filename="x.bin") + END
    file = (await site.post("/api/files", content=body, headers=FORM)).json()
    assert (await site.get(file["url"])).content == content


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("size", [10, 600, 5100])
async def test_an_upload_that_is_cut_leaves_nothing(
    house: Installation, route: str, size: int
) -> None:
    headers = FORM | {"Authorization": f"Bearer {await house.key()}"}
    body = (CHUNK + FILE + END)[:size]
    answer = await raw(house, "POST", route, [body[:7], body[7:]], headers, hang_up=True)
    assert (answer.status, answer.json()) == (400, {"errors": ["Malformed request"]})
    await assert_nothing_is_left(house)


@pytest.mark.parametrize("route", ROUTES)
async def test_a_body_shorter_than_declared_leaves_nothing(house: Installation, route: str) -> None:
    body = CHUNK + FILE + END
    headers = FORM | {"Authorization": f"Bearer {await house.key()}"}
    headers["Content-Length"] = str(len(body) + 1)
    answer = await raw(house, "POST", route, [body], headers)
    assert answer.status == 400
    await assert_nothing_is_left(house)


@pytest.mark.parametrize("authorization", [None, "Bearer nope", "Basic YTpi", "Bearer"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/files"),
        ("POST", "/api/large_files"),
        ("POST", "/api/folders"),
        ("PATCH", "/api/files/1"),
        ("PATCH", "/api/folders/1"),
        ("PATCH", "/api/folders/abc"),
    ],
)
async def test_the_body_of_a_stranger_is_not_read(
    house: Installation, authorization: str | None, method: str, path: str
) -> None:
    headers = FORM | ({"Authorization": authorization} if authorization else {})
    pieces = [bytes(1024 * 1024)] * 100
    answer = await raw(house, method, path, pieces, headers)
    wrong = authorization == "Bearer nope"
    message = "Invalid API key" if wrong else "Authorization required"
    assert (answer.status, answer.json()) == (401, {"errors": [message]})
    assert answer.taken == 0


async def test_a_file_above_the_limit_is_refused_at_its_first_byte_too_many(
    house: Installation, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    settings = {"dialects": ("attachfast",), "max_size": 100_000, "inline_max": 1000}
    async with (
        installation(tmp_path_factory.mktemp("small"), **settings) as small,
        small.client() as site,
    ):
        assert (await upload(site, "x", bytes(100_000))).status_code == 201
        assert errors(await upload(site, "x", bytes(100_001))) == (422, ["File is too large"])
        (only,) = await files(site)
        await site.delete(f"/api/files/{only['id']}")
        headers = FORM | {"Authorization": f"Bearer {await small.key()}"}
        pieces = [part("file", bytes(90_000), filename="x")[:-2], *[bytes(20_000)] * 100]
        answer = await raw(small, "POST", "/api/files", pieces, headers)
        assert (answer.status, answer.taken) == (422, 2)
        await assert_nothing_is_left(small)


async def test_a_quota_without_room_is_told_and_given_back(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    settings = {"dialects": ("attachfast",), "quota_bytes": 10_000, "inline_max": 1000}
    async with (
        installation(tmp_path_factory.mktemp("quota"), **settings) as small,
        small.client() as site,
    ):
        kept = await uploaded(site, "x", bytes(6000))
        for size in (5000, 500):
            if size == 500:
                await uploaded(site, "y", bytes(3900))
            assert errors(await upload(site, "x", bytes(size))) == (507, ["Quota exceeded"])
        answer = await chunk(site, 1, b"x", total=5000)
        assert errors(answer) == (507, ["Quota exceeded"])
        assert_books_balance(small, settled=True)
        await site.delete(f"/api/files/{kept['id']}")
        await uploaded(site, "x", bytes(6000))
        usage = (await small.services.listing.holdings(await principal(small))).usage
        assert (usage.used, usage.reserved) == (9900, 0)


ALLOWED = ("image/*", "application/pdf", "text/plain")
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.mark.parametrize(
    ("name", "content", "media_type", "folder", "accepted"),
    [
        ("x.png", PNG, "image/png", None, True),
        ("x.pdf", b"%PDF-1.7", "application/pdf", None, True),
        ("x.txt", b"hi", "text/plain", None, True),
        ("x.zip", b"PK\x03\x04", "application/zip", None, False),
        ("x.png", b"<html>", "image/png", None, False),
        ("x.jpg.html", PNG, "image/png", None, False),
        ("x.png", PNG, "text/html", None, False),
        ("x", PNG, "application/octet-stream", None, True),
        ("x", b"\x00\x01", "application/octet-stream", None, False),
        ("x.bin", b"hi", "application/octet-stream", "notes.txt", False),
        ("x", b"hi", "application/octet-stream", "evil.html", False),
    ],
)
async def test_a_type_that_is_not_allowed_is_refused_however_it_is_dressed(
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    content: bytes,
    media_type: str,
    folder: str | None,
    accepted: bool,
) -> None:
    settings = {"dialects": ("attachfast",), "allowed_types": ALLOWED}
    async with (
        installation(tmp_path_factory.mktemp("strict"), **settings) as strict,
        strict.client() as site,
    ):
        answer = await upload(site, name, content, folder, media_type)
        if accepted:
            assert answer.status_code == 201
        else:
            assert errors(answer) == (422, ["File type not allowed"])
            await assert_nothing_is_left(strict)


async def test_a_chunk_of_a_type_that_is_not_allowed_is_refused(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    settings = {"dialects": ("attachfast",), "allowed_types": (*ALLOWED, DOCX)}
    async with (
        installation(tmp_path_factory.mktemp("strict"), **settings) as strict,
        strict.client() as site,
    ):
        refused = (422, ["File type not allowed"])
        assert errors(await chunk(site, 2, b"x", total=9, key="movie.mp4")) == refused
        assert errors(await chunk(site, 1, b"<html>", total=6, key="x.png")) == refused
        assert errors(await chunk(site, 1, b"\0\1", total=2, key="nothing")) == refused
        assert (await chunk(site, 2, b"\0\1", total=9, key="x.png")).status_code == 202
        done = await chunk(site, 1, b"PK\x03\x04", total=4, key="x.docx")
        assert done.status_code == 201
