"""Whoever reads: slowly, from a page of another origin, or one thing after the other on one connection."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from tests.security.aftermath import unharmed
from tests.security.asking import Asker, fresh
from tests.security.harness import Site
from tests.security.requests import request
from tests.security.test_downloads import capability, left
from tests.security.wire import Connection


def _readers(site: Site, path: bytes, count: int) -> Iterator[socket.socket]:
    for _ in range(count):
        reader = socket.socket()
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.connect(("127.0.0.1", site.server.port))
        reader.sendall(request(b"GET", path, keep_alive=True))
        yield reader


def _read_slowly(site: Site, count: int, budget: int) -> None:
    ann = Asker(site)
    with unharmed(site):
        made = left(ann, "image/png", content=fresh(1024 * 1024))
        path = capability(ann, made).encode()
        before = site.server.rss()
        readers = list(_readers(site, path, count))
        others = []
        try:
            for _ in range(3):
                for reader in readers:
                    reader.setblocking(False)
                    try:
                        reader.recv(512)
                    except BlockingIOError:
                        continue
                began = time.monotonic()
                others.append(ann.left(fresh())["id"])
                assert time.monotonic() - began < 10
            grown = site.server.rss() - before
            assert grown < budget, f"{grown // count} bytes for each slow reader"
        finally:
            for reader in readers:
                reader.close()
        for each in (made["id"], *others):
            ann.deleted(each)


def test_slow_readers_hold_up_nobody_and_little_memory(site: Site) -> None:
    _read_slowly(site, 40, 32 * 1024 * 1024)


@pytest.mark.thorough
def test_nor_do_five_hundred(site: Site) -> None:
    _read_slowly(site, 500, 128 * 1024 * 1024)


def test_a_page_from_elsewhere_is_never_lent_the_browsers_own_login(site: Site) -> None:
    """Any origin may call: keys are in a header that no browser adds by itself, and no cookie is looked at."""
    ann, nobody = Asker(site), Asker(site, "")
    evil = (b"Origin", b"https://evil.test")
    wish = (
        (b"Access-Control-Request-Method", b"DELETE"),
        (b"Access-Control-Request-Headers", b"x-evil, authorization, cookie"),
    )
    with unharmed(site):
        for path in ("/attachments", "/api/files", "/v1/attachments", "/coatcheck/v1/attachments"):
            for answer in (
                ann.get(path, evil, (b"Cookie", b"session=1")),
                nobody.ask("OPTIONS", path, evil, *wish),
                nobody.ask("OPTIONS", path, (b"Origin", b"null"), *wish),
                nobody.ask("OPTIONS", path, evil, (b"Access-Control-Request-Method", b"EVIL\x7f")),
            ):
                assert answer.header("access-control-allow-credentials") is None
                origin = answer.header("access-control-allow-origin")
                assert origin in ("*", None), answer
                if origin not in ("*", None):
                    assert "origin" in (answer.header("vary") or "").lower()


def test_an_answer_to_one_request_is_not_mixed_with_the_next(site: Site) -> None:
    """HEAD, GET and 304 after each other on one connection, each framed as it says."""
    ann = Asker(site)
    with unharmed(site):
        made = left(ann, "image/png")
        path = capability(ann, made).encode()
        etag = (Asker(site, "").get(path.decode()).header("etag") or "").encode()
        with Connection(site.server.port) as connection:
            for method, fields, status, size in (
                (b"GET", (), 200, len(made["content"])),
                (b"GET", ((b"If-None-Match", etag),), 304, 0),
                (b"GET", ((b"Range", b"bytes=0-0"),), 206, 1),
                (b"GET", ((b"Range", b"bytes=9999999-"),), 416, -1),
                (b"GET", (), 200, len(made["content"])),
            ):
                connection.exchange.answers.clear()
                connection.send([request(method, path, *fields, keep_alive=True)])
                connection.listen()
                (answer,) = connection.exchange.answers
                assert answer.status == status
                assert size in (-1, len(answer.body))
        ann.deleted(made["id"])
