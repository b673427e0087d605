from __future__ import annotations

import httpx
import pytest

from tests.kit import Installation, installation
from tests.web.dialects.attachfast.asks import PNG, chunk, errors, files, uploaded


@pytest.fixture
async def file(site: httpx.AsyncClient) -> dict[str, str]:
    return await uploaded(site, folder="a/pic")


async def test_a_link_needs_no_key(house: Installation, file: dict[str, str]) -> None:
    async with house.anonymous() as stranger:
        for link in (file["url"], file["download_url"]):
            answer = await stranger.get(link)
            assert (answer.status_code, answer.content) == (200, PNG)
        answer = await stranger.get(file["url"], headers={"Authorization": "Bearer nope"})
        assert answer.status_code == 200


async def test_a_picture_is_shown_in_place_and_saved_by_its_other_link(
    site: httpx.AsyncClient, file: dict[str, str]
) -> None:
    shown, saved = await site.get(file["url"]), await site.get(file["download_url"])
    assert shown.headers["content-disposition"] == "inline; filename=pic.png"
    assert saved.headers["content-disposition"] == "attachment; filename=pic.png"
    assert shown.headers["content-type"] == saved.headers["content-type"] == "image/png"


@pytest.mark.parametrize(
    ("name", "media_type", "sent", "disposition"),
    [
        ("x.png", "image/png", "image/png", "inline"),
        ("x.txt", "text/plain", "text/plain; charset=utf-8", "inline"),
        ("x.txt", "text/plain; charset=iso-8859-1", "text/plain; charset=iso-8859-1", "inline"),
        ("x.mp4", "video/mp4", "video/mp4", "inline"),
        ("x.html", "text/html", "text/html", "attachment"),
        ("x.svg", "image/svg+xml", "image/svg+xml", "attachment"),
        ("x.xhtml", "application/xhtml+xml", "application/xhtml+xml", "attachment"),
        ("x.xml", "text/xml", "text/xml", "attachment"),
        ("x.pdf", "application/pdf", "application/pdf", "attachment"),
        ("x.js", "text/javascript", "text/javascript", "attachment"),
        ("x.png", "text/html\x0b", "image/png", "inline"),
        ("x.svg.png", "image/svg+xml", "image/svg+xml", "attachment"),
    ],
)
async def test_only_what_cannot_run_is_shown_in_place_and_nothing_is_trusted(
    site: httpx.AsyncClient, name: str, media_type: str, sent: str, disposition: str
) -> None:
    file = await uploaded(site, name, b"<script>alert(1)</script>", None, media_type)
    for query in ("", "?inline=1", "?response-content-type=text/html", "?filename=x.html"):
        answer = await site.get(file["url"] + query)
        assert answer.headers["content-type"] == sent
        assert answer.headers["content-disposition"].startswith(f"{disposition}; filename=")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "public" not in answer.headers["cache-control"]


@pytest.mark.parametrize(
    "name", ["CON", "aux.txt", "a.png.", "a.png::$DATA", "desktop.ini", ".htaccess", "web.config"]
)
async def test_a_name_is_defused_for_saving(site: httpx.AsyncClient, name: str) -> None:
    file = await uploaded(site, name, b"x")
    assert file["filename"] == name
    disposition = (await site.get(file["download_url"])).headers["content-disposition"]
    assert disposition.partition("filename=")[2].lstrip('"').startswith("_")


@pytest.mark.parametrize("size", [500, 5000])
async def test_a_range_is_answered_with_it(site: httpx.AsyncClient, size: int) -> None:
    content = bytes(n % 251 for n in range(size))
    link = (await uploaded(site, "x.bin", content))["url"]
    for given, start, stop in (
        ("bytes=0-9", 0, 10),
        ("bytes=100-", 100, size),
        ("bytes=-10", size - 10, size),
        ("bytes=10-99999", 10, size),
    ):
        answer = await site.get(link, headers={"Range": given})
        assert (answer.status_code, answer.content) == (206, content[start:stop])
        assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{size}"
    answer = await site.get(link, headers={"Range": f"bytes={size}-"})
    assert errors(answer) == (416, ["The range lies outside the content"])
    assert answer.headers["content-range"] == f"bytes */{size}"
    answer = await site.get(link, headers={"Range": "bytes=0-1,5-6"})
    assert (answer.status_code, answer.content) == (200, content)


async def test_a_range_goes_across_chunks(site: httpx.AsyncClient) -> None:
    for number in (1, 2, 3):
        await chunk(site, number, bytes([number]) * 2000, total=6000)
    (file,) = await files(site)
    answer = await site.get(file["url"], headers={"Range": "bytes=1990-4009"})
    assert answer.content == b"\1" * 10 + b"\2" * 2000 + b"\3" * 10


async def test_what_the_client_has_is_not_sent_again(
    site: httpx.AsyncClient, file: dict[str, str]
) -> None:
    first = await site.get(file["url"])
    tag, date = first.headers["etag"], first.headers["last-modified"]
    for headers in ({"If-None-Match": tag}, {"If-None-Match": "*"}, {"If-Modified-Since": date}):
        answer = await site.get(file["url"], headers=headers)
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == tag
    for headers in ({"If-None-Match": '"other"'}, {"If-Modified-Since": "yesterday"}):
        assert (await site.get(file["url"], headers=headers)).status_code == 200
    headers = {"Range": "bytes=0-1", "If-Range": '"other"'}
    assert (await site.get(file["url"], headers=headers)).status_code == 200
    assert (await site.get(file["url"], headers={"If-Match": '"other"'})).status_code == 412


async def test_head_tells_what_get_would(site: httpx.AsyncClient, file: dict[str, str]) -> None:
    for headers in ({}, {"Range": "bytes=0-9"}):
        get = await site.get(file["url"], headers=headers)
        head = await site.head(file["url"], headers=headers)
        assert (head.status_code, head.content) == (get.status_code, b"")
        own = {"x-request-id"}
        assert dict(head.headers) | dict.fromkeys(own) == dict(get.headers) | dict.fromkeys(own)


@pytest.mark.parametrize(
    "path",
    ["A" * 22 + "/x", "short/x", "A" * 23 + "/x", "%00/x", "..%2f/x", "%ff" * 22 + "/x", "x", ""],
)
async def test_an_unknown_link_is_no_record(site: httpx.AsyncClient, path: str) -> None:
    assert errors(await site.get(f"/f/{path}")) == (404, ["Record not found"])


async def test_the_name_in_a_link_means_nothing(
    site: httpx.AsyncClient, file: dict[str, str]
) -> None:
    renamed = file["url"].rpartition("/")[0] + "/evil.html"
    answer = await site.get(renamed)
    assert answer.headers["content-disposition"] == "inline; filename=pic.png"


@pytest.mark.parametrize("name", ["a b.png", "снимок 1.png", "50%.png", "a#b?c.png", "q&a;.png"])
async def test_a_link_is_encoded_whatever_the_name(site: httpx.AsyncClient, name: str) -> None:
    file = await uploaded(site, name)
    assert file["url"].isascii()
    assert (await site.get(file["url"])).content == PNG
    assert (await site.get(file["download_url"])).headers["content-disposition"].startswith("att")


async def test_links_lead_where_the_server_is_told_to_be(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    settings = {"dialects": ("attachfast",), "public_url": "https://files.example"}
    async with (
        installation(tmp_path_factory.mktemp("public"), **settings) as place,
        place.client() as site,
    ):
        assert (await uploaded(site))["url"].startswith("https://files.example/f/")


@pytest.mark.folder
async def test_stored_bytes_that_are_damaged_are_never_half_an_answer(
    site: httpx.AsyncClient, house: Installation
) -> None:
    file = await uploaded(site, "x.bin", bytes(5000))
    (blob,) = house.blobs()
    blob.chmod(0o600)
    blob.write_bytes(bytes(4999))
    answer = await site.get(file["url"])
    assert answer.status_code == 500
    assert set(answer.json()) == {"errors"}
