"""Uploads whose body is the file itself: what their header fields say of it is never believed too much."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable

import pytest

from tests.security.harness import MAX, MIB, Row, Site, Statuses, by_name, name_of, run
from tests.security.requests import Field, chunked, request
from tests.security.wire import Exchange

#: Those that take it.
RAW = ("campr", "native")

WHERE = {"campr": b"/attachments", "native": b"/coatcheck/v1/attachments"}


def _rows(
    name: str,
    *fields: Field,
    expect: Statuses,
    judge: Callable[[Site, Exchange], None] | None = None,
    stores: bool = False,
) -> list[Row]:
    """An upload with these fields, and bytes of its own."""
    return [
        Row(
            name=name,
            dialect=dialect,
            send=lambda site, dialect=dialect: request(  # type: ignore[misc]
                b"POST", WHERE[dialect], *site.key(dialect), *fields, body=os.urandom(30)
            ),
            expect=expect,
            stores=stores,
            judge=judge,
        )
        for dialect in RAW
    ]


def _told(seen: Exchange) -> tuple[str | None, str]:
    """Name and type, as the API has taken them."""
    body = seen.answer.json()
    told = body.get("attachment", body)
    return told["name"], told.get("content_type") or told["media_type"]


def _sound(_: Site, seen: Exchange) -> None:
    name, media_type = _told(seen) if seen.status in (200, 201) else (None, "a/b")
    for text in (name or "", media_type):
        assert text.isprintable(), f"{text!r} holds what is not to be shown"
    assert media_type.count("/") >= 1, media_type
    assert len(media_type) < 256


def _called(*names: str | None) -> Callable[[Site, Exchange], None]:
    def judge(_: Site, seen: Exchange) -> None:
        if seen.status in (200, 201):
            assert _told(seen)[0] in names, seen

    return judge


TYPES = [
    row
    for name, value in {
        "HTML": b"text/html",
        "SVG": b"image/svg+xml",
        "an empty type": b"",
        "a type of three": b"a/b/c",
        "a type of 10 kB": b"text/" + b"x" * 10_000,
        "a type with a vertical tab": b"text/html\x0b",
        "a type with a quoted line break": b'image/png; charset="x\\r\\nSet-Cookie:a=b"',
        "a type beyond ASCII": b"text/h\xc3\xa4\xff",
        "a type with a comma": b"text/plain, text/html",
    }.items()
    for row in _rows(
        f"the type is {name}",
        (b"Content-Type", value),
        expect={200, 201, 400},
        stores=True,
        judge=_sound,
    )
]

DISPOSITIONS = (
    [
        row
        for name, value, names in (
            ("in UTF-8", b"attachment; filename*=UTF-8''%E2%82%AC.png", ("€.png",)),
            ("in Latin-1", b"attachment; filename*=iso-8859-1'en'%A3.png", ("£.png",)),
            (
                "in UTF-7",
                b"attachment; filename=\"plain.png\"; filename*=utf-7''+ADw-.png",
                ("plain.png",),
            ),
            (
                "in punycode",
                b"attachment; filename=\"plain.png\"; filename*=punycode''x-.png",
                ("plain.png",),
            ),
            (
                "that is not decoded",
                b"attachment; filename=\"plain.png\"; filename*=UTF-8''%ZZ.png",
                ("plain.png",),
            ),
            (
                "that is no UTF-8",
                b"attachment; filename=\"plain.png\"; filename*=UTF-8''%ff%fe",
                ("plain.png",),
            ),
            (
                "with a way in it",
                b'attachment; filename="../../etc/passwd"',
                ("passwd", "..-..-etc-passwd"),
            ),
            (
                "with a NUL in it",
                b"attachment; filename*=UTF-8''a%00b.png",
                ("ab.png", "a.png", "a_b.png"),
            ),
            ("of 10 kB", b'attachment; filename="' + b"n" * 10_000 + b'"', ("n" * 255,)),
            ("without an end", b'attachment; filename="never.png', ("never.png",)),
        )
        for row in _rows(
            f"a name {name}",
            (b"Content-Disposition", value),
            expect={200, 201, 400},
            stores=True,
            judge=_called(*names),
        )
    ]
    + _rows(
        "two names in two fields",
        *[(b"Content-Disposition", b'attachment; filename="a.png"')] * 2,
        expect={400},
    )
    + _rows(
        "two types in two fields",
        *[(b"Content-Type", b"image/png"), (b"Content-Type", b"text/html")],
        expect={400},
    )
)


def _digest(algorithm: str) -> bytes:
    return base64.b64encode(hashlib.new(algorithm, b"other bytes").digest())


DIGESTS = [
    row
    for name, field in {
        "Content-MD5": (b"Content-MD5", _digest("md5")),
        "Digest": (b"Digest", b"sha-256=" + _digest("sha256")),
        "Repr-Digest": (b"Repr-Digest", b"sha-256=:" + _digest("sha256") + b":"),
        "Content-Digest": (b"Content-Digest", b"sha-512=:" + _digest("sha512") + b":"),
        "Content-MD5 that is none": (b"Content-MD5", b"abc"),
        "Repr-Digest that cannot be read": (b"Repr-Digest", b"sha-256=oops"),
    }.items()
    for row in _rows(f"{name} of other bytes", field, expect={400})
]

SIZES = [
    row
    for dialect in RAW
    for row in (
        Row(
            name="no length and no chunks",
            dialect=dialect,
            send=lambda site, dialect=dialect: request(b"POST", WHERE[dialect], *site.key(dialect)),  # type: ignore[misc]
            expect={400, 411},
        ),
        Row(
            name="a byte too many is announced",
            dialect=dialect,
            send=lambda site, dialect=dialect: request(  # type: ignore[misc]
                b"POST", WHERE[dialect], *site.key(dialect), length=MAX + 1
            ),
            expect={413},
        ),
        Row(
            name="more than a number holds is announced",
            dialect=dialect,
            send=lambda site, dialect=dialect: request(  # type: ignore[misc]
                b"POST", WHERE[dialect], *site.key(dialect), length=2**63 - 1
            ),
            expect={400, 413},
        ),
        Row(
            name="a byte too many in chunks",
            dialect=dialect,
            send=lambda site, dialect=dialect: _in_chunks(site, dialect, bytes(MAX + 1)),  # type: ignore[misc]
            expect={413},
        ),
        Row(
            name="five megabytes in chunks",
            dialect=dialect,
            send=lambda site, dialect=dialect: _in_chunks(site, dialect, bytes(5 * MIB)),  # type: ignore[misc]
            expect={413},
        ),
        Row(
            name="as much as there may be, in chunks",
            dialect=dialect,
            send=lambda site, dialect=dialect: _in_chunks(site, dialect, os.urandom(MAX)),  # type: ignore[misc]
            expect={200, 201},
            stores=True,
            large=True,
        ),
        Row(
            name="ten thousand chunks of a byte",
            dialect=dialect,
            send=lambda site, dialect=dialect: _in_chunks(site, dialect, os.urandom(10_000), 1),  # type: ignore[misc]
            expect={200, 201},
            stores=True,
        ),
    )
]


def _in_chunks(site: Site, dialect: str, data: bytes, size: int = 64 * 1024) -> bytes:
    coded = (b"Transfer-Encoding", b"chunked")
    body = chunked(data, size)
    return request(b"POST", WHERE[dialect], *site.key(dialect), coded, body=body, framed=False)


@pytest.mark.parametrize("rows", by_name(TYPES + DISPOSITIONS, 4), ids=name_of)
def test_what_is_said_of_a_file_is_kept_in_a_sound_form(site: Site, rows: tuple[Row, ...]) -> None:
    run(site, *rows)


@pytest.mark.parametrize("rows", by_name(DIGESTS, 6), ids=name_of)
def test_a_file_that_is_not_what_was_announced_is_refused(
    site: Site, rows: tuple[Row, ...]
) -> None:
    run(site, *rows)


@pytest.mark.parametrize("rows", by_name(SIZES, 4), ids=name_of)
def test_a_file_is_no_larger_than_it_may_be(site: Site, rows: tuple[Row, ...]) -> None:
    run(site, *rows)
