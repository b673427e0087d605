"""HTTP itself, written wrong on purpose: no body is taken for a request, and no request for another."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Iterable, Mapping

import pytest

from tests.security.aftermath import unharmed
from tests.security.harness import (
    DIALECTS,
    MAX,
    MIB,
    UPLOADS,
    Kind,
    Row,
    Site,
    Statuses,
    by_name,
    name_of,
    run,
)
from tests.security.requests import FORM, chunked, joined, request
from tests.security.wire import Exchange, Leaving, Pause, Piece

#: A request of its own, within what is the body of another, or after it.
SMUGGLED = b"DELETE /attachments/smuggled HTTP/1.1\r\nHost: coatcheck.test\r\n\r\n"

CHUNKED = b"Transfer-Encoding: chunked"


def _upload(site: Site, *lines: bytes, body: bytes = b"") -> bytes:
    """To the API that takes bytes as they are, its head written line by line."""
    ((name, value),) = site.key()
    head = [b"POST /attachments HTTP/1.1", b"Host: coatcheck.test", name + b": " + value, *lines]
    return joined(head) + b"\r\n" + body


def _row(
    name: str,
    *lines: bytes,
    body: bytes = b"",
    expect: Statuses = frozenset({400}),
    closes: bool = True,
    **more: object,
) -> Row:
    return Row(
        name=name,
        dialect="campr",
        send=lambda site: _upload(site, *lines, body=body),
        expect=expect,
        closes=closes,
        **more,  # type: ignore[arg-type]
    )


#: Granian lets the length go before anybody sees it, as RFC 9112 §6.3 allows: the chunks are the body, what follows
#: them is not looked at, and the connection ends.
ONE_LENGTH = "the chunks are the body, and the connection ends with them"
TAKEN_AS_CHUNKS: Mapping[Kind, Statuses] = {"granian": {200}}

LENGTHS = [
    _row("two lengths that differ", b"Content-Length: 5", b"Content-Length: 6", body=b"hello"),
    _row(
        "a length told twice",
        b"Content-Length: 5",
        b"Content-Length: 5",
        body=b"twice",
        expect={200, 400},
        stores=True,
        closes=False,
    ),
    _row("a list of equal lengths", b"Content-Length: 5, 5", body=b"hello", expect={400}),
    _row("a negative length", b"Content-Length: -5", body=b"hello"),
    _row("a length with a sign", b"Content-Length: +5", body=b"hello"),
    _row("a length in hexadecimal", b"Content-Length: 0x5", body=b"hello"),
    _row("a length beyond all numbers", b"Content-Length: " + b"9" * 30, body=b"hello"),
    _row(
        "a length and chunks",
        b"Content-Length: 5",
        CHUNKED,
        body=chunked(b"length, chunks") + SMUGGLED,
        on=TAKEN_AS_CHUNKS,
        because=ONE_LENGTH,
        stores=True,
    ),
    _row(
        "chunks and a length",
        CHUNKED,
        b"Content-Length: 5",
        body=chunked(b"chunks, length") + SMUGGLED,
        on=TAKEN_AS_CHUNKS,
        because=ONE_LENGTH,
        stores=True,
    ),
]

CODINGS = [
    _row(
        f"the coding {coding.decode()}",
        b"Transfer-Encoding: " + coding,
        body=chunked(b"hello"),
        expect={400, 501},
    )
    for coding in (
        b"identity",
        b"xchunked",
        b"chunked, identity",
        b"gzip, chunked",
        b"chunked, chunked",
        b"chunked, gzip",
        b'"chunked"',
    )
] + [
    _row(
        "chunks told of in two lines",
        b"Transfer-Encoding: gzip",
        CHUNKED,
        body=chunked(b"hello"),
        expect={400, 501},
    ),
    _row(
        "a vertical tab before the coding",
        b"Transfer-Encoding:\x0bchunked",
        body=chunked(b"hello"),
        expect={400, 501},
    ),
    _row("a space before the colon", b"Transfer-Encoding : chunked", body=chunked(b"hello")),
]

CHUNKS = [
    _row(f"a chunk whose size is {size.decode()}", CHUNKED, body=size + b"\r\nhello\r\n0\r\n\r\n")
    for size in (b"ZZ", b"-1", b"FFFFFFFFFFFFFFFFF", b"0x5", b"5 5", b"+5")
] + [
    _row("a chunk without an end of line", CHUNKED, body=b"5\r\nhelloXX0\r\n\r\n"),
    _row("a chunk with a bare line feed", CHUNKED, body=b"5\nhello\n0\n\n", expect={400, None}),
    _row(
        "a chunk extension of 300 kB",
        CHUNKED,
        body=b"5;" + b"x" * 300_000 + b"\r\nexten\r\n0\r\n\r\n",
        expect={200, 400, 413, None},
        closes=False,
        stores=True,
    ),
]

FIELDS = [
    _row(
        "ten thousand header fields",
        *[b"X-%d: 1" % each for each in range(10_000)],
        expect={400, 431, None},
    ),
    _row("a header field of a megabyte", b"X: " + b"x" * MIB, expect={400, 431, None}),
    _row("a folded header field", b"X-One: 1", b" X-Two: 2", b"Content-Length: 0"),
    _row("a header field without a colon", b"X-One", b"Content-Length: 0"),
    _row("a header field with a NUL", b"X-One: a\x00b", b"Content-Length: 0"),
    _row("a header field with a control character", b"X-One: a\x01b", b"Content-Length: 0"),
    _row("a header field with a carriage return", b"X-One: a\rX-Two: b", b"Content-Length: 0"),
    _row("a header field with an empty name", b": a", b"Content-Length: 0"),
    _row("a name that is no token", b"X One: a", b"Content-Length: 0"),
]


def _bare(name: str, raw: bytes, *, expect: Statuses, **more: object) -> Row:
    return Row(name=name, dialect="campr", send=lambda _: raw, expect=expect, **more)  # type: ignore[arg-type]


LINES = [
    _bare(
        "line feeds alone",
        b"GET /attachments HTTP/1.1\nHost: coatcheck.test\nConnection: close\n\n",
        expect={400},
        on={"granian": {401}},
        because="RFC 9112 §2.2 lets a server take a line feed alone for the end of a line, and Granian does",
        closes=True,
    ),
    _bare(
        "a method of four words",
        b"EVIL WORDS /attachments HTTP/1.1\r\n\r\n",
        expect={400},
        closes=True,
    ),
    _bare("no version", b"GET /attachments\r\n\r\n", expect={400}, closes=True),
    _bare(
        "a version to come",
        b"GET /attachments HTTP/3.0\r\nHost: a\r\n\r\n",
        expect={400, 505},
        closes=True,
    ),
    _bare(
        "HTTP/2 at once",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
        expect={400, None},
        closes=True,
    ),
    _bare(
        "TLS on the plain port",
        bytes.fromhex("16030100a5010000a10303") + os.urandom(160),
        expect={400, None},
        closes=True,
    ),
    _bare("no host", b"GET /attachments HTTP/1.1\r\nConnection: close\r\n\r\n", expect={400, 401}),
    _bare(
        "two hosts",
        b"GET /attachments HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n",
        expect={400, 401},
    ),
    _bare(
        "a method in lower case",
        request(b"post", b"/attachments", body=b"hello"),
        expect={400, 401, 405, 501},
    ),
    _bare("a method that nobody knows", request(b"EVIL", b"/attachments"), expect={400, 405, 501}),
    _bare("CONNECT", request(b"CONNECT", b"evil.test:443"), expect={400, 404, 405, 501}),
]


def _cut(name: str, *lines: bytes, body: bytes, leaving: Leaving) -> Row:
    return Row(
        name=f"{name}, then {leaving}",
        dialect="campr",
        send=lambda site: [_upload(site, *lines, body=body), Pause(0.05)],
        expect={400, None},
        leaving=leaving,
    )


CUTS = [
    _cut(name, *lines, body=body, leaving=leaving)
    for leaving in ("fin", "rst")
    for name, lines, body in (
        ("half a body", [b"Content-Length: 1000"], b"x" * 500),
        ("half of a large body", [b"Content-Length: 300000"], b"x" * 150_000),
        ("chunks without the last", [CHUNKED], b"3e8\r\n" + b"x" * 1000 + b"\r\n"),
        ("half a chunk", [CHUNKED], b"3e8\r\n" + b"x" * 500),
        ("many chunks without the last", [CHUNKED], chunked(b"x" * 200_000)[:-5]),
        ("nothing of a body", [b"Content-Length: 1000"], b""),
    )
]


@pytest.mark.parametrize("rows", by_name(CUTS, 4), ids=name_of)
def test_a_body_that_is_cut_leaves_nothing(site: Site, rows: tuple[Row, ...]) -> None:
    run(site, *rows)


def _second_is(status: int) -> Callable[[Site, Exchange], None]:
    def judge(_: Site, seen: Exchange) -> None:
        assert [each.status for each in seen.answers][1:] == [status], seen

    return judge


FOLLOWED = [
    Row(
        name="a body and then no request",
        dialect="campr",
        send=lambda site: [
            _upload(site, b"Content-Length: 5", body=b"first"),
            Pause(0.3),
            b"EXTRA GET / x\r\n\r\n",
        ],
        expect={200},
        answers=2,
        stores=True,
        closes=True,
        judge=_second_is(400),
    ),
    Row(
        name="two requests at once",
        dialect="campr",
        send=lambda site: _upload(site, b"Content-Length: 5", body=b"third" + SMUGGLED),
        expect={200},
        answers=2,
        stores=True,
        judge=_second_is(401),
    ),
    Row(
        name="trailers with a key",
        dialect="campr",
        send=lambda site: request(
            b"POST",
            b"/attachments",
            (b"Transfer-Encoding", b"chunked"),
            body=b"5\r\nhello\r\n0\r\nAuthorization: Bearer " + site.token() + b"\r\n\r\n",
            framed=False,
        ),
        expect={401},
    ),
    Row(
        name="trailers with a type",
        dialect="campr",
        send=lambda site: _upload(
            site, CHUNKED, body=b"5\r\ntrail\r\n0\r\nContent-Type: text/html\r\n\r\n"
        ),
        expect={200},
        stores=True,
        judge=lambda _, seen: _assert_type(seen, "application/octet-stream"),
    ),
]


def _assert_type(seen: Exchange, media_type: str) -> None:
    assert seen.answer.json()["attachment"]["content_type"] == media_type, seen


@pytest.mark.parametrize("rows", by_name(FOLLOWED, 2), ids=name_of)
def test_what_follows_a_body_is_another_request_or_nothing(
    site: Site, rows: tuple[Row, ...]
) -> None:
    run(site, *rows)


def test_an_upload_with_no_request_in_the_same_packet_is_taken_or_refused(site: Site) -> None:
    with unharmed(site) as watch:
        body = b"secndEXTRA GET / x\r\n\r\n"
        seen = site.send(_upload(site, b"Content-Length: 5", body=body), answers=2)
        watch.saw("campr", seen)
        # uvicorn has read all of the packet before anybody answers, and what it says of the rest is all that is heard.
        assert [each.status for each in seen.answers] in ([200, 400], [400]), seen
        assert seen.closed
        watch.keeps = 1


def _pushes(head: bytes, megabytes: int = 50) -> Iterable[Piece]:
    return [head, Pause(0.1), *[bytes(64 * 1024)] * (megabytes * 16)]


def _is_told_and_shut_out(_: Site, seen: Exchange) -> None:
    assert seen.closed, seen
    # What the kernels of both sides hold was sent too.
    assert seen.sent < 25 * MIB, f"{seen.sent} bytes were taken"


PUSHED = [
    Row(
        name="50 MiB without a key",
        dialect=dialect,
        send=lambda site, dialect=dialect: _pushes(  # type: ignore[misc]
            request(
                b"POST", UPLOADS[dialect], (b"Content-Type", FORM), length=50 * MIB, keep_alive=True
            )
        ),
        expect={401},
        judge=_is_told_and_shut_out,
    )
    for dialect in ("campr", "chat")
] + [
    Row(
        name="50 MiB that are too many",
        dialect="campr",
        send=lambda site: _pushes(_upload(site, b"Content-Length: %d" % (50 * MIB))),
        expect={413},
        judge=_is_told_and_shut_out,
    ),
    Row(
        name="50 MiB in chunks",
        dialect="campr",
        send=lambda site: _pushes(_upload(site, CHUNKED, body=b"%x\r\n" % (50 * MIB))),
        expect={413},
        judge=_is_told_and_shut_out,
    ),
]


def _is_heard_out(_: Site, seen: Exchange) -> None:
    """A reset connection takes the answer with it, before most clients have read it (RFC 9112 §9.6)."""
    assert seen.sent > 900_000, "the rest could not be sent"
    assert [each.status for each in seen.answers] == [401, 401]


#: The second request shows that the connection lives, and that the rest of the body was not taken for one.
HEARD_OUT = [
    Row(
        name=f"less than a MiB, {name}, without a key",
        dialect=dialect,
        send=lambda site, dialect=dialect, fields=fields, body=body: [  # type: ignore[misc]
            request(b"POST", UPLOADS[dialect], (b"Content-Type", FORM), *fields, keep_alive=True),
            Pause(0.2),
            *body,
            Pause(0.2),
            request(b"GET", UPLOADS[dialect]),
        ],
        expect={401},
        answers=2,
        judge=_is_heard_out,
    )
    for dialect in ("tracker", "campr")
    for name, fields, body in (
        ("of a length", ((b"Content-Length", b"900000"),), [bytes(60_000)] * 15),
        (
            "in chunks",
            ((b"Transfer-Encoding", b"chunked"),),
            [*[b"%x\r\n" % 60_000, bytes(60_000), b"\r\n"] * 15, b"0\r\n\r\n"],
        ),
    )
]


@pytest.mark.parametrize("rows", by_name(HEARD_OUT, 1), ids=name_of)
def test_who_was_refused_early_may_end_and_reads_why(site: Site, rows: tuple[Row, ...]) -> None:
    run(site, *rows)


@pytest.mark.parametrize("rows", by_name(PUSHED, 1), ids=name_of)
def test_who_was_refused_is_not_listened_to_for_long(site: Site, rows: tuple[Row, ...]) -> None:
    run(site, *rows)


def _nothing_in_between(_: Site, seen: Exchange) -> None:
    assert not seen.interim, "it was told to go on"


def _no_echo(_: Site, seen: Exchange) -> None:
    assert b"X-Secret" not in seen.answer.body


def _own_links(_: Site, seen: Exchange) -> None:
    assert b"evil.test/" not in b"".join(value.encode() for _, value in seen.answer.fields)


#: Ten megabytes of zeros in ten kilobytes.
BOMB = gzip.compress(bytes(10 * 1000 * 1000))

MEANT = (
    [
        Row(
            name="may I go on, without a key",
            dialect=dialect,
            send=lambda site, dialect=dialect: request(  # type: ignore[misc]
                b"POST",
                UPLOADS[dialect],
                (b"Content-Type", FORM),
                (b"Expect", b"100-continue"),
                length=1000,
            ),
            expect={401},
            judge=_nothing_in_between,
        )
        for dialect in DIALECTS
    ]
    + [
        Row(
            name="may I go on with too much",
            dialect="campr",
            send=lambda site: _upload(
                site, b"Content-Length: %d" % (MAX + 1), b"Expect: 100-continue"
            ),
            expect={413},
            judge=_nothing_in_between,
        ),
        Row(
            name="TRACE",
            dialect="campr",
            send=lambda site: request(b"TRACE", b"/attachments", *site.key(), (b"X-Secret", b"x")),
            expect={405, 501},
            judge=_no_echo,
        ),
        Row(
            name="the address of another server",
            dialect="campr",
            send=lambda site: request(b"GET", b"http://evil.test/attachments", *site.key()),
            expect={200, 400, 404},
            judge=_own_links,
        ),
    ]
    + [
        Row(
            name="bytes in gzip",
            dialect=dialect,
            send=lambda site, dialect=dialect: site.post(
                dialect, BOMB, (b"Content-Encoding", b"gzip")
            ),  # type: ignore[misc]
            expect={400, 415},
        )
        for dialect in DIALECTS
    ]
)


@pytest.mark.parametrize("rows", by_name(MEANT, 2), ids=name_of)
def test_what_is_well_formed_and_not_meant_for_us_is_refused(
    site: Site, rows: tuple[Row, ...]
) -> None:
    run(site, *rows)


@pytest.mark.parametrize("rows", by_name(LENGTHS + CODINGS + CHUNKS, 7), ids=name_of)
def test_a_body_whose_end_is_told_in_two_ways_is_refused(site: Site, rows: tuple[Row, ...]) -> None:
    run(site, *rows)


@pytest.mark.parametrize("rows", by_name(FIELDS + LINES, 7), ids=name_of)
def test_what_is_no_request_is_refused(site: Site, rows: tuple[Row, ...]) -> None:
    run(site, *rows)
