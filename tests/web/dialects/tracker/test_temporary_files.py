from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from starlette.requests import Request

from coatcheck.settings import Settings
from coatcheck.web.dialects.tracker.errors import render
from coatcheck.web.problem import Problem
from tests.deeds import DAY, HOUR
from tests.kit import BASE, Installation, installation
from tests.web.dialects.tracker.asks import (
    END,
    FORM,
    form,
    headers,
    issue,
    names,
    part,
    png,
    refusal,
    upload,
    uploaded,
)

MISSING = (404, "Attachment does not exist.")


@pytest.mark.parametrize("version", ["v2", "v3"])
@pytest.mark.parametrize("slash", ["", "/"])
async def test_an_upload_is_told_in_the_words_of_its_version(
    ann: httpx.AsyncClient, version: str, slash: str
) -> None:
    answer = await upload(ann, to=f"/{version}/attachments{slash}")
    assert answer.status_code == 201
    root = f"{BASE}/{version}"
    assert answer.json() == {
        "self": f"{root}/attachments/1",
        "id": "1",
        "name": "report.txt",
        "content": f"{root}/attachments/1/report.txt",
        "createdBy": {"self": f"{root}/users/1", "id": "ann", "display": "ann"},
        "createdAt": "2025-06-15T15:06:40.000+0000",
        "mimetype": "text/plain",
        "size": 5,
    }
    assert list(answer.json()) == [
        *("self", "id", "name", "content", "createdBy", "createdAt", "mimetype", "size")
    ]
    assert answer.headers["location"] == f"{root}/attachments/1"
    for path in ("/attachments/1", "/attachments/1/"):
        assert (await ann.get(f"/{version}{path}")).json() == answer.json()
    for path in ("/attachments", "/attachments/"):
        listed = await ann.get(f"/{version}{path}")
        assert listed.json() == [answer.json()]
        assert "link" not in listed.headers
    content = await ann.get(answer.json()["content"])
    assert (content.status_code, content.content) == (200, b"hello")


async def test_times_have_three_digits_of_a_second_and_no_colon_in_the_zone(
    ann: httpx.AsyncClient, house: Installation
) -> None:
    house.clock.advance(0.339)
    assert (await uploaded(ann))["createdAt"] == "2025-06-15T15:06:40.339+0000"


@pytest.mark.parametrize(
    ("query", "filename", "name"),
    [
        ("?filename=report.txt", "file", "report.txt"),
        ("?filename=", "kept.txt", "kept.txt"),
        ("", "kept.txt", "kept.txt"),
        ("?filename=a+b%2Bc.txt", "file", "a b+c.txt"),
        ("?filename=%D0%BE%D1%82%D1%87%D1%91%D1%82.txt", "file", "отчёт.txt"),
        ("?new_file_name=x.txt", "kept.txt", "kept.txt"),
        ("?filename=..%2F..%2Fetc%2Fpasswd", "file", "passwd"),
        ("?filename=C%3A%5Cx%5Cy.txt", "file", "y.txt"),
        ("?filename=a%0D%0AX%3A+1.txt", "file", "aX: 1.txt"),
        ("?filename=a%00.png", "file", "a.png"),
        ("?filename=%E2%80%AEgpj.exe", "file", "gpj.exe"),
        ("?filename=%3Cimg+src%3Dx%3E.png", "file", "<img src=x>.png"),
    ],
)
async def test_a_file_is_called_as_the_query_says_or_else_its_part(
    ann: httpx.AsyncClient, query: str, filename: str, name: str
) -> None:
    answer = await ann.post(
        f"/v3/attachments{query}", content=form(b"x", filename=filename), headers=FORM
    )
    assert (answer.status_code, answer.json()["name"]) == (201, name)
    assert answer.json()["content"].isascii()
    assert (await ann.get(answer.json()["content"])).content == b"x"


@pytest.mark.parametrize("name", [".", "..", "...", "%20", "a%2F", "%2F", "x" * 256, "%0A"])
async def test_a_name_that_is_none_is_refused(
    ann: httpx.AsyncClient, house: Installation, name: str
) -> None:
    answer = await ann.post(f"/v2/attachments?filename={name}", content=form(b"x"), headers=FORM)
    assert refusal(answer) == (400, "File name is not valid.")


async def test_the_file_may_come_in_a_field_of_any_name_with_others_around_it(
    ann: httpx.AsyncClient,
) -> None:
    body = part(b"1", name="n", filename=None) + part(b"x", name="file_data", filename="a.txt")
    body += part(b"2", name="m", filename=None) + END
    answer = await ann.post("/v2/attachments", content=body, headers=FORM)
    assert (answer.status_code, answer.json()["size"]) == (201, 1)


@pytest.mark.parametrize(
    ("name", "declared", "content", "mimetype"),
    [
        ("report.txt", None, b"x", "text/plain"),
        ("pic.png", "application/octet-stream", b"x", "image/png"),
        ("unknown", None, b"x", "application/octet-stream"),
        ("unknown", None, png(3, 2), "image/png"),
        ("a.bin", "text/csv; charset=utf-8", b"x", "text/csv"),
    ],
)
async def test_its_type_is_what_is_declared_or_what_the_name_or_the_bytes_say(
    ann: httpx.AsyncClient, name: str, declared: str | None, content: bytes, mimetype: str
) -> None:
    told = f"\r\nContent-Type: {declared}" if declared else ""
    body = part(content).replace(b'"file"\r\n\r\n', b'"file"' + told.encode() + b"\r\n\r\n", 1)
    answer = await ann.post(f"/v2/attachments?filename={name}", content=body + END, headers=FORM)
    assert answer.json()["mimetype"] == mimetype


async def test_an_image_tells_its_size_and_others_have_no_such_keys(
    ann: httpx.AsyncClient,
) -> None:
    image = await uploaded(ann, "pic.png", png(128, 96))
    assert image["metadata"] == {"size": "128x96"}
    text = await uploaded(ann)
    assert {"metadata", "thumbnail", "commentId"} & set(text) == set()


async def test_thumbnails_are_pictures_and_what_is_none_has_none(
    ann: httpx.AsyncClient, house: Installation
) -> None:
    image = await uploaded(ann, "pic.png", png(640, 480), to="/v3/attachments")
    text = await uploaded(ann)
    for path in (f"/v2/thumbnails/{text['id']}", "/v2/thumbnails/999", "/v3/thumbnails/x/"):
        assert refusal(await ann.get(path)) == MISSING
    if "thumbnail" not in image:
        pytest.skip("Pillow is not installed")
    assert image["thumbnail"] == f"{BASE}/v3/thumbnails/{image['id']}"
    answer = await ann.get(image["thumbnail"])
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("image/")
    assert answer.headers["x-content-type-options"] == "nosniff"
    made = await issue(ann, image["id"])
    (listed,) = (await ann.get(f"/v2/issues/{made['key']}/attachments")).json()
    assert listed["thumbnail"] == f"{BASE}/v2/issues/TREK-1/thumbnails/{image['id']}"
    assert (await ann.get(listed["thumbnail"])).content == answer.content


@pytest.mark.parametrize(
    ("body", "head", "message"),
    [
        (b"", {}, "File part is missing."),
        (b"hello", {"Content-Type": "text/plain"}, "File part is missing."),
        (b"a=b", {"Content-Type": "application/x-www-form-urlencoded"}, "File part is missing."),
        (b"{}", {"Content-Type": "application/json"}, "File part is missing."),
        (END, FORM, "File part is missing."),
        (part(b"x", filename=None) + END, FORM, "File part is missing."),
        (part(b"x", filename="") + END, FORM, "File part is missing."),
    ],
)
async def test_without_a_file_there_is_nothing_to_take(
    ann: httpx.AsyncClient, body: bytes, head: dict[str, str], message: str
) -> None:
    answer = await ann.post("/v2/attachments/?filename=x", content=body, headers=head)
    assert refusal(answer) == (400, message)


async def test_an_empty_file_is_a_file(ann: httpx.AsyncClient) -> None:
    assert (await uploaded(ann, content=b""))["size"] == 0


async def test_a_file_that_is_too_large_is_refused_and_leaves_nothing(
    ann: httpx.AsyncClient, house: Installation
) -> None:
    assert (await uploaded(ann, content=bytes(100_000)))["size"] == 100_000
    (kept,) = house.blobs()
    for size in (100_001, 3_000_000):
        answer = await upload(ann, content=bytes(size))
        assert refusal(answer) == (413, "File size exceeds 0.0953674 MB.")
    assert house.blobs() == [kept]


def test_the_limit_of_the_api_is_told_in_megabytes() -> None:
    limit = Settings().tracker_max_size
    problem = Problem(status=413, code="too_large", detail="", facts={"limit": limit})
    assert b"File size exceeds 1024 MB." in bytes(render(problem, Request({"type": "http"})).body)


async def test_a_full_quota_is_no_reason_to_come_again(tmp_path: Path) -> None:
    """A 5xx would be: see what the official client then sends."""
    async with (
        installation(tmp_path, dialects=("tracker",), quota_bytes=1000) as house,
        house.anonymous(headers=await headers(house)) as client,
    ):
        answer = await upload(client, content=bytes(1001))
        assert refusal(answer) == (413, "Storage quota exceeded.")


async def test_a_temporary_file_lives_for_a_day(
    ann: httpx.AsyncClient, house: Installation
) -> None:
    attachment = await uploaded(ann, content=bytes(5000))
    house.clock.advance((DAY - HOUR) / 1000)
    assert (await ann.get(attachment["self"])).status_code == 200
    house.clock.advance(HOUR / 1000)
    for method, path in (("GET", attachment["self"]), ("DELETE", attachment["self"])):
        assert refusal(await ann.request(method, path)) == MISSING
    assert refusal(await ann.get(attachment["content"])) == MISSING
    assert await names(ann, "/v2/attachments") == []
    claim = {"queue": "TREK", "summary": "s", "attachmentIds": [attachment["id"]]}
    assert refusal(await ann.post("/v2/issues", json=claim)) == MISSING
    house.clock.advance(100)
    await house.services.reaping.sweep()
    assert house.blobs() == []


@pytest.mark.parametrize("slash", ["", "/"])
async def test_a_temporary_file_can_be_deleted_once(ann: httpx.AsyncClient, slash: str) -> None:
    attachment = await uploaded(ann)
    path = attachment["self"] + slash
    answer = await ann.request("DELETE", path, content=b"null")
    assert (answer.status_code, answer.content) == (204, b"")
    assert refusal(await ann.delete(path)) == MISSING
    assert refusal(await ann.get(path)) == MISSING
    assert await names(ann, "/v3/attachments") == []


async def test_a_file_that_is_attached_is_not_deleted_as_a_temporary_one(
    ann: httpx.AsyncClient,
) -> None:
    attachment = await uploaded(ann)
    await issue(ann, attachment["id"])
    assert refusal(await ann.delete(attachment["self"])) == MISSING
    assert await names(ann, "/v2/issues/TREK-1/attachments") == ["report.txt"]


async def test_temporary_files_are_their_uploaders_and_attached_ones_the_organizations(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    attachment = await uploaded(ann)
    assert refusal(await bob.get(attachment["self"])) == MISSING
    assert await names(bob, "/v2/attachments") == []
    await issue(ann, attachment["id"])
    assert await names(ann, "/v2/attachments") == []
    for reader in (ann, bob):
        shown = (await reader.get(attachment["self"])).json()
        assert shown["createdBy"]["id"] == "ann"
        assert (await reader.get(attachment["content"])).content == b"hello"


async def test_content_is_handed_out_in_ranges_and_only_when_it_changed(
    ann: httpx.AsyncClient,
) -> None:
    attachment = await uploaded(ann, content=bytes(range(200)) * 20)
    path = attachment["content"]
    whole = await ann.get(path)
    part = await ann.get(path, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, bytes(range(10, 20)))
    assert part.headers["content-range"] == "bytes 10-19/4000"
    again = await ann.get(path, headers={"If-None-Match": whole.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    beyond = await ann.get(path, headers={"Range": "bytes=4000-"})
    assert beyond.status_code == 416
    assert beyond.headers["content-range"] == "bytes */4000"
    refusal(beyond)
    head = await ann.head(path)
    assert head.content == b""
    assert head.headers["content-length"] == "4000"


@pytest.mark.parametrize("name", ["x.html", "x.svg", "x.xhtml", "x.xml", "x.pdf", "x.js"])
async def test_what_a_browser_would_run_is_for_saving(ann: httpx.AsyncClient, name: str) -> None:
    attachment = await uploaded(ann, name, b"<script>alert(1)</script>")
    answer = await ann.get(attachment["content"] + "?inline=1&response-content-type=text/html")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "public" not in answer.headers["cache-control"]


async def test_the_name_in_the_address_means_nothing(ann: httpx.AsyncClient) -> None:
    attachment = await uploaded(ann)
    for name in ("other.txt", "thumbnail", "a%20b", "x/"):
        answer = await ann.get(f"{attachment['self']}/{name}")
        assert answer.content == b"hello"
        assert answer.headers["content-disposition"] == "inline; filename=report.txt"
