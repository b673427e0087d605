"""Stored bytes on their way out: a browser is told not to run them, not to guess, and not to lend them our origin."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import pytest

from coatcheck.web.headers.content_disposition import parse_content_disposition
from tests.security.aftermath import unharmed
from tests.security.asking import Asker, fresh, path_of
from tests.security.harness import Site
from tests.security.wire import Answer

SCRIPT = b"<script>alert(document.domain)</script>"

#: A browser would run these, or could be made to.
ACTIVE = (
    "text/html",
    "text/html; charset=utf-7",
    "image/svg+xml",
    "application/xhtml+xml",
    "text/xml",
    "application/xml",
    "application/pdf",
    "text/javascript",
    "application/x-javascript",
    "application/x-shockwave-flash",
    "multipart/x-mixed-replace; boundary=x",
    "text/css",
    "text/vtt",
    "application/octet-stream",
)
#: These are only looked at.
PASSIVE = ("image/png", "image/jpeg", "image/gif", "image/webp", "text/plain", "video/mp4")


@dataclass(frozen=True)
class Link:
    """Where an API hands the bytes out; `who` holds the key, "" for a link that needs none."""

    api: str
    path: Callable[[Asker, dict[str, Any]], str]
    who: str = "ann"

    def __str__(self) -> str:
        return self.api


def _asset(ann: Asker, made: dict[str, Any]) -> str:
    return path_of(ann.get(f"/v1/attachments/{made['public_id']}").json()["file_url"])


def capability(ann: Asker, made: dict[str, Any]) -> str:
    return path_of(ann.get(f"/api/files/{made['id']}").json()["url"])


LINKS = (
    Link("campr", lambda ann, made: f"/attachments/{made['sha3']}"),
    Link("attach.fast", capability, who=""),
    Link("tracker", lambda ann, made: f"/v2/attachments/{made['id']}/any%20name"),
    Link("openproject", lambda ann, made: f"/api/v3/attachments/{made['id']}/content"),
    Link("chat", _asset, who=""),
    Link("native", lambda ann, made: f"/coatcheck/v1/attachments/{made['id']}/content"),
)


def left(ann: Asker, media_type: str, name: str = "", content: bytes = b"") -> dict[str, Any]:
    """With every name that it has; of more than fits into a row, so that a server may send it by its path."""
    content = content or SCRIPT + fresh(70_000)
    fields = [(b"Content-Type", media_type.encode())]
    if name:
        quoted = "".join(f"%{byte:02X}" for byte in name.encode())
        value = f"attachment; filename*=UTF-8''{quoted}"
        fields.append((b"Content-Disposition", value.encode()))
    answer = ann.ask("POST", "/attachments", *fields, body=content)
    assert answer.status == 200, answer
    digest = answer.json()["attachment"]["digest"]
    shown = ann.get(f"/coatcheck/v1/attachments/{digest}").json()
    return {**shown, "sha3": digest, "content": content}


def assert_guarded(answer: Answer) -> None:
    assert answer.header("x-content-type-options") == "nosniff"
    assert answer.header("content-security-policy") == "default-src 'none'; sandbox"
    assert answer.header("referrer-policy") == "no-referrer"
    cached = answer.header("cache-control") or ""
    assert "private" in cached, cached
    assert "public" not in cached
    assert answer.header("set-cookie") is None
    # Pictures are shown by pages of other origins: the links are made for it. Nothing else can be done with them.
    assert answer.header("cross-origin-resource-policy") == "cross-origin"


@pytest.mark.parametrize("link", LINKS, ids=str)
def test_what_a_browser_would_run_is_for_saving(site: Site, link: Link) -> None:
    ann, reader = Asker(site), Asker(site, link.who)
    with unharmed(site):
        for media_type in ACTIVE:
            made = left(ann, media_type)
            path = link.path(ann, made)
            for method, fields in (
                ("GET", ()),
                ("HEAD", ()),
                ("GET", ((b"Range", b"bytes=0-9"),)),
            ):
                answer = reader.ask(method, path, *fields)
                assert answer.status == (206 if fields else 200), answer
                assert_guarded(answer)
                disposition = answer.header("content-disposition") or ""
                assert disposition.startswith("attachment"), (media_type, disposition)
                told = answer.header("content-type") or ""
                assert "utf-7" not in told
                if link.api == "openproject":
                    assert told.startswith(("text/plain", "application/octet-stream")), told
            ann.deleted(made["id"])


@pytest.mark.parametrize("link", LINKS, ids=str)
def test_what_is_only_looked_at_may_be_shown_in_place_and_is_guarded_all_the_same(
    site: Site, link: Link
) -> None:
    ann, reader = Asker(site), Asker(site, link.who)
    with unharmed(site):
        for media_type in PASSIVE:
            made = left(ann, media_type)
            answer = reader.get(link.path(ann, made))
            assert_guarded(answer)
            assert answer.body == made["content"]
            if media_type == "text/plain" and link.api != "campr":
                assert answer.header("content-type") == "text/plain; charset=utf-8"
            else:
                assert answer.header("content-type") == media_type
            disposition = answer.header("content-disposition") or ""
            assert disposition.startswith("attachment" if link.api == "campr" else "inline")
            ann.deleted(made["id"])


def test_a_page_of_our_origin_that_wants_a_stored_script_is_told_what_stops_it(site: Site) -> None:
    """`nosniff` keeps a script from being one unless its type says so, and its type says to save it."""
    ann = Asker(site)
    fields = ((b"Sec-Fetch-Dest", b"script"), (b"Sec-Fetch-Mode", b"no-cors"))
    with unharmed(site):
        made = left(ann, "application/x-javascript", "x.js")
        for link in LINKS:
            answer = Asker(site, link.who).get(link.path(ann, made), *fields)
            assert_guarded(answer)
            assert (answer.header("content-disposition") or "").startswith("attachment")
        ann.deleted(made["id"])


#: As they were sent; each becomes one disposition, with one name in it.
NAMES = (
    "a\r\nSet-Cookie: a=b",
    'a"; filename="b.html',
    'a\\".html',
    "a;b=c",
    "\u202egpj.exe",
    "ж\u0000\u001b[31m.png",
    "日本語 と emoji 😀.png",
    "a%0d%0aX: y.txt",
    "%41.txt",
    "'; filename*=UTF-8''evil.html",
    "CON",
    "a.png::$DATA",
    "desktop.ini",
    ".htaccess",
    "a.",
    "x" * 255,
)


@pytest.mark.parametrize("link", LINKS, ids=str)
def test_a_name_cannot_leave_its_place_in_the_head(site: Site, link: Link) -> None:
    ann, reader = Asker(site), Asker(site, link.who)
    with unharmed(site):
        for name in NAMES:
            made = left(ann, "image/png", name)
            answer = reader.get(link.path(ann, made))
            assert answer.status == 200, answer
            raw = answer.header("content-disposition") or ""
            assert raw.isascii(), raw
            assert raw.isprintable(), raw
            told = parse_content_disposition(raw)
            saved = told.filename or ""
            assert saved, raw
            assert not set(saved) & set("/\\\r\n\0"), raw
            assert not saved.endswith("."), raw
            assert not re.fullmatch(r"con|desktop\.ini|\.htaccess", saved, re.IGNORECASE), raw
            if "filename*" in raw:  # what only knows the plain one is told no other extension
                plain = re.search(r'filename="([^"]*)"', raw)
                assert plain, raw
                assert "%" not in plain[1]
                extended = unquote(raw.split("''", 1)[1])
                assert plain[1].rpartition(".")[2] in (extended.rpartition(".")[2], "") or (
                    not extended.isascii()
                )
            ann.deleted(made["id"])


@pytest.mark.parametrize("link", LINKS, ids=str)
def test_the_query_says_nothing_about_how_it_is_sent(site: Site, link: Link) -> None:
    ann, reader = Asker(site), Asker(site, link.who)
    with unharmed(site):
        made = left(ann, "text/html", "x.html")
        path = link.path(ann, made)
        usual = reader.get(path)
        for query in (
            "response-content-type=text/html&response-content-disposition=inline",
            "filename=y.html&inline=1&disposition=inline&download=0",
            "content_type=text/html&type=text/html",
        ):
            answer = reader.get(f"{path}?{query}")
            for name in ("content-type", "content-disposition", "content-security-policy"):
                assert answer.header(name) == usual.header(name), query
            assert answer.body == usual.body
        ann.deleted(made["id"])


@pytest.mark.parametrize("link", LINKS, ids=str)
def test_conditions_are_held_to_this_very_attachment(site: Site, link: Link) -> None:
    ann, reader = Asker(site), Asker(site, link.who)
    with unharmed(site):
        one, other = left(ann, "image/png"), left(ann, "image/png")
        path, elsewhere = link.path(ann, one), link.path(ann, other)
        etag = (reader.get(path).header("etag") or "").encode()
        foreign = (reader.get(elsewhere).header("etag") or "").encode()
        assert etag != foreign
        many = b", ".join(b'"%032d"' % number for number in range(1500))
        rows: tuple[tuple[bytes, bytes, set[int]], ...] = (
            (b"If-None-Match", etag, {304}),
            (b"If-None-Match", b"W/" + etag, {304}),
            (b"If-None-Match", b"*", {304}),
            (b"If-None-Match", foreign, {200}),
            (b"If-None-Match", many, {200}),
            (b"If-None-Match", many + b", " + etag, {304}),
            (b"If-None-Match", b'"\xff\xfe', {200, 400}),
            (b"If-Match", foreign, {412}),
            (b"If-Match", b"nonsense", {200, 412}),
            (b"If-Modified-Since", b"yesterday", {200}),
            (b"If-Modified-Since", b"Thu, 01 Jan 1970 00:00:00 GMT", {200}),
            (b"If-Modified-Since", b"Fri, 31 Feb 2099 25:61:61 GMT", {200}),
            (b"If-Unmodified-Since", b"Thu, 01 Jan 1970 00:00:00 GMT", {412}),
        )
        for name, value, statuses in rows:
            answer = reader.get(path, (name, value))
            assert answer.status in statuses, (name, value[:60], answer.status)
            assert answer.body == (one["content"] if answer.status == 200 else b"")
        part = (b"Range", b"bytes=5-14")
        for condition, whole in ((foreign, True), (etag, False), (b"nonsense", True)):
            answer = reader.get(path, part, (b"If-Range", condition))
            expected = one["content"] if whole else one["content"][5:15]
            assert answer.body == expected, condition
        for each in (one, other):
            ann.deleted(each["id"])


@pytest.mark.parametrize("link", LINKS, ids=str)
def test_head_is_a_download_without_its_body(site: Site, link: Link) -> None:
    ann, reader = Asker(site), Asker(site, link.who)
    with unharmed(site):
        made = left(ann, "image/png")
        path = link.path(ann, made)
        got, head = reader.get(path), reader.ask("HEAD", path)
        assert head.status == got.status == 200
        # Between the two answers a second may begin.
        aside = {"date", "expires", "x-request-id", "connection"}
        aside |= {"rate-limit-remaining", "rate-limit-reset"}
        told = [
            {field for field in answer.fields if field[0] not in aside} for answer in (got, head)
        ]
        assert told[0] == told[1]
        ann.deleted(made["id"])
