"""Links to files: fetched by whoever has them, and harmless in a browser."""

from __future__ import annotations

import httpx

from tests.kit import BASE, Installation
from tests.web.dialects.chat.speaking import NEVER, NOT_FOUND, refusal, seen, uploaded


async def test_a_link_needs_no_key(ann: httpx.AsyncClient, house: Installation) -> None:
    content = bytes(range(256)) * 20
    file = await uploaded(ann, content, "Grüße 1.png", "image/png")
    assert file["file_url"].endswith(f"/{file['id']}/Gr%C3%BC%C3%9Fe%201.png")
    async with house.anonymous() as nobody:
        answer = await nobody.get(file["file_url"])
        assert (answer.status_code, answer.content) == (200, content)
        assert answer.headers["content-type"] == "image/png"
        assert answer.headers["content-disposition"] == (
            "inline; filename=\"Gr__e 1.png\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe%201.png"
        )
        head = await nobody.head(file["file_url"])
        assert (head.status_code, head.content, head.headers["content-length"]) == (
            200,
            b"",
            str(len(content)),
        )
        part = await nobody.get(file["file_url"], headers={"Range": "bytes=10-19"})
        assert (part.status_code, part.content) == (206, content[10:20])
        beyond = await nobody.get(file["file_url"], headers={"Range": "bytes=9999-"})
        assert refusal(beyond)[0] == 416
        etag = {"If-None-Match": answer.headers["etag"]}
        assert (await nobody.get(file["file_url"], headers=etag)).status_code == 304
        for query in ("?response-content-type=text/html", "?filename=x.html", "?inline=1"):
            assert seen(await nobody.get(file["file_url"] + query)) == seen(answer)


async def test_a_link_that_leads_nowhere_tells_nothing(ann: httpx.AsyncClient) -> None:
    file = await uploaded(ann)
    path = "/assets/attachments"
    unknown = await ann.get(f"{path}/{NEVER}/report.txt")
    assert refusal(unknown) == NOT_FOUND
    for id in (file["id"].swapcase(), file["id"][:-1], "1", "%00", "x" * 5000):
        assert seen(await ann.get(f"{path}/{id}/report.txt")) == seen(unknown)
    for other in (f"{path}/{file['id']}", f"{path}/{file['id']}/a/b", path, f"{path}/"):
        assert refusal(await ann.get(other)) == (404, "There is no such endpoint.")
    assert refusal(await ann.post(f"{path}/{file['id']}/x"))[0] == 405


async def test_a_browser_runs_nothing_of_it(ann: httpx.AsyncClient) -> None:
    for media_type, shown, disposition in (
        ("text/html", "text/html", "attachment"),
        ("image/svg+xml", "image/svg+xml", "attachment"),
        ("application/xhtml+xml", "application/xhtml+xml", "attachment"),
        ("text/xml", "text/xml", "attachment"),
        ("application/pdf", "application/pdf", "attachment"),
        ("text/javascript", "text/javascript", "attachment"),
        ("text/plain", "text/plain; charset=utf-8", "inline"),
        ("image/png", "image/png", "inline"),
    ):
        file = await uploaded(ann, b"<script>", "a.bin", media_type)
        answer = await ann.get(file["file_url"])
        assert answer.headers["content-type"] == shown
        assert answer.headers["content-disposition"].partition(";")[0] == disposition
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "public" not in answer.headers["cache-control"]


async def test_links_lead_to_where_the_request_came(
    ann: httpx.AsyncClient, house: Installation
) -> None:
    file = await uploaded(ann)
    answer = await ann.get(f"/v1/attachments/{file['id']}", headers={"Host": "chat.example:81"})
    assert answer.json()["file_url"] == file["file_url"].replace(BASE, "http://chat.example:81")
