"""Forms: what browsers never send, and who attacks a parser does. What is kept is exactly what came."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Mapping

import pytest

from tests.books import rows as recorded
from tests.security.harness import FORMS, MAX, MIB, Row, Site, Statuses, by_name, name_of, run
from tests.security.requests import BOUNDARY, FORM, form, part
from tests.security.wire import Exchange, Pause

#: How each API says that a form is none, or not what it has to be.
UNFIT: dict[str, Statuses] = {
    "attachfast": {400, 422},
    "tracker": {400, 422},
    "openproject": {400, 422},
    "chat": {400},
}
TOO_LARGE: dict[str, Statuses] = {
    "attachfast": {422},
    "tracker": {413},
    "openproject": {422},
    "chat": {413},
}

METADATA = part(b'{"fileName": "a.bin"}', b"metadata", None, content_type=b"application/json")


def _form(dialect: str, *parts: bytes) -> bytes:
    """Of these parts, and what else the API needs, before them."""
    return form(*([METADATA] if dialect == "openproject" else []), *parts)


def _rows(
    name: str,
    *parts: bytes,
    expect: Mapping[str, Statuses] = UNFIT,
    content_type: bytes | None = None,
    body: bytes | None = None,
    stores: bool = False,
) -> list[Row]:
    return [
        Row(
            name=name,
            dialect=dialect,
            send=lambda site, dialect=dialect: site.post(  # type: ignore[misc]
                dialect,
                _form(dialect, *parts) if body is None else body,
                content_type=content_type,
            ),
            expect=expect[dialect],
            stores=stores,
        )
        for dialect in FORMS
    ]


#: And where the API tells of a field that is too large as of a file.
UNFIT_OR_LARGE: dict[str, Statuses] = {each: {413, *UNFIT[each]} for each in FORMS}
DATA = part(b"hello")
TYPE = b"multipart/form-data"

BOUNDARIES = [
    row
    for name, content_type in {
        "no boundary": TYPE,
        "an empty boundary": TYPE + b"; boundary=",
        "an empty boundary in quotes": TYPE + b'; boundary=""',
        "a boundary of 71 characters": TYPE + b"; boundary=" + b"b" * 71,
        "a boundary of 300 characters": TYPE + b"; boundary=" + b"b" * 300,
        "a boundary with a colon at its end": TYPE + b'; boundary="XBX "',
        "two boundaries": TYPE + b"; boundary=XBX; boundary=YBY",
        "a boundary beyond ASCII": TYPE + b"; boundary=XB\xc3\x9c",
        "another boundary": TYPE + b"; boundary=OTHER",
    }.items()
    for row in _rows(name, DATA, content_type=content_type, expect=UNFIT)
]

ENDS = [
    row
    for name, body in {
        "no boundary at the end": form(METADATA, DATA)[: -len(BOUNDARY) - 6],
        "half a boundary at the end": form(METADATA, DATA)[:-6],
        "the boundary without its dashes": form(METADATA, DATA)[:-4] + b"\r\n",
        "a part that is cut": form(METADATA, part(b"x" * 1000))[:-500],
        "a head of a part that is cut": form(METADATA, DATA)[:120],
        "only the last boundary": form(),
        "nothing": b"",
        "a megabyte before the first boundary": b"x" * MIB + form(METADATA, DATA),
        "a megabyte after the last boundary": form(METADATA, DATA) + b"x" * MIB,
        "no form at all": os.urandom(3000),
    }.items()
    for row in _rows(name, body=body, expect=UNFIT)
]

HEADS = [
    *_rows(
        "a part with nine header fields",
        part(b"x", b"file", b"a", *[b"X-%d: 1" % n for n in range(8)]),
    ),
    *_rows(
        "a part with a thousand header fields",
        part(b"x", b"file", b"a", *[b"X-%d: 1" % n for n in range(1000)]),
    ),
    *_rows(
        "a part with a header field of 10 kB", part(b"x", b"file", b"a", b"X: " + b"x" * 10_000)
    ),
    *_rows(
        "a part with a header field of 900 kB", part(b"x", b"file", b"a", b"X: " + b"x" * 900_000)
    ),
    *_rows(
        "a part with a name of 10 kB for a field", part(b"x", b"file", b"a", b"X" * 10_000 + b": 1")
    ),
    *_rows("a space in the name of a field", part(b"x", b"file", b"a", b"X One: 1")),
    *_rows("a field without a name", part(b"x", b"file", b"a", b": 1")),
    *_rows("a field that is no ASCII", part(b"x", b"file", b"a", b"X\xff: 1")),
    *_rows("a carriage return in a field", part(b"x", b"file", b"a", b"X: 1\rY: 2")),
    *_rows("a NUL in a name", part(b"x", b"fi\x00le", b"a")),
    *_rows(
        "a part that says twice what it is",
        part(b"x", b"file", b"a", b'Content-Disposition: form-data; name="b"'),
    ),
    *_rows(
        "a part that does not say what it is", b"--XBX\r\nContent-Type: text/plain\r\n\r\nx\r\n"
    ),
    *_rows(
        "a part that is an attachment",
        b'--XBX\r\nContent-Disposition: attachment; name="file"; filename="a"\r\n\r\nx\r\n',
    ),
    *_rows(
        "a part in base64", part(b"aGVsbG8=", b"file", b"a", b"Content-Transfer-Encoding: base64")
    ),
    *_rows(
        "a form within the form", part(form(DATA), content_type=b"multipart/mixed; boundary=XBY")
    ),
]

MANY = [
    *_rows("a thousand empty parts", *[part(b"", b"x%d" % n, None) for n in range(1001)]),
    *_rows("sixty thousand empty parts", *[part(b"", b"x", None)] * 15_000),
    *_rows("two files", part(b"one"), part(b"two")),
    *_rows("sixteen files", *[part(b"x" * 60_000)] * 16),
    *_rows(
        "a field of 100 kB",
        part(b"x" * 100_000, b"folder", None),
        part(b"x" * 100_000, b"metadata", None),
        part(b"x" * 100_000, b"message_id", None),
        expect=UNFIT_OR_LARGE,
    ),
]

FILES = [
    *_rows("no file", part(b"x", b"other", None)),
    *_rows("a file without a filename", part(b"x", b"file", None)),
    *_rows("a file with an empty filename", part(b"x", b"file", b"")),
    *_rows(
        "a file of another name",
        part(os.urandom(20), b"upload"),
        expect=UNFIT | {"tracker": {200, 201}},
        stores=True,
    ),
    *_rows(
        "another kind of form",
        DATA,
        content_type=b"multipart/related; boundary=XBX",
        expect={**UNFIT, "openproject": {415}},
    ),
    *_rows(
        "text that looks like a form",
        DATA,
        content_type=b"text/plain",
        expect={**UNFIT, "openproject": {415}},
    ),
    *_rows(
        "a form in the address's way",
        body=b"file=hello",
        content_type=b"application/x-www-form-urlencoded",
        expect={**UNFIT, "openproject": {415}},
    ),
    *_rows(
        "a type that is empty", DATA, content_type=b"", expect={**UNFIT, "openproject": {406, 415}}
    ),
]


def _named(dialect: str, seen: Exchange) -> str:
    """What the API calls the file that was left."""
    return str(seen.answer.json()["name" if dialect == "tracker" else "filename"])


def _is_called(dialect: str, stem: str) -> Callable[[Site, Exchange], None]:
    def judge(_: Site, seen: Exchange) -> None:
        # A name that is taken gets a number.
        assert re.fullmatch(rf"{stem}(-\d+)?\.png", _named(dialect, seen)), seen

    return judge


NAMES = [
    Row(
        name=name,
        dialect=dialect,
        send=lambda site, dialect=dialect, raw=raw: site.post(  # type: ignore[misc]
            dialect,
            _form(
                dialect,
                b'--XBX\r\nContent-Disposition: form-data; name="file"; '
                + raw
                + b"\r\n\r\n"
                + os.urandom(9).hex().encode()
                + b"\r\n",
            ),
        ),
        expect={200, 201, *(() if plain else UNFIT[dialect])},
        stores=True,
        judge=_is_called(dialect, "ok") if plain else None,
    )
    for name, raw, plain in (
        (
            "a filename and another in UTF-8",
            b"filename=\"ok.png\"; filename*=UTF-8''evil.html",
            True,
        ),
        (
            "a filename in UTF-8 and another",
            b"filename*=UTF-8''evil.html; filename=\"ok.png\"",
            True,
        ),
        (
            "a filename and pieces of another",
            b'filename="ok.png"; filename*0="ev"; filename*1="il.html"',
            True,
        ),
        ("pieces of a filename", b'filename*0="ev"; filename*1="il.html"', False),
    )
    for dialect in ("attachfast", "tracker", "chat")
]

#: Text that a decoder would make something else of, or take seconds for.
CHARSETS = [
    row
    for charset in (b"punycode", b"utf-7", b"idna", b"base64", b"unicode_escape", b"utf-16")
    for row in _rows(
        f"a form in {charset.decode()}",
        part(b"a" * 60_000, b"message_id", None),
        part(b"+ADw-x+AD4-", b"other", None),
        content_type=FORM + b"; charset=" + charset,
        expect=UNFIT,
    )
]


@pytest.mark.parametrize("rows", by_name(BOUNDARIES + ENDS, 4), ids=name_of)
def test_a_form_without_a_sound_beginning_and_end_is_none(
    site: Site, rows: tuple[Row, ...]
) -> None:
    run(site, *rows)


@pytest.mark.parametrize("rows", by_name(HEADS + MANY, 4), ids=name_of)
def test_a_form_has_few_parts_with_small_heads(site: Site, rows: tuple[Row, ...]) -> None:
    run(site, *rows)


@pytest.mark.parametrize("rows", by_name(FILES + CHARSETS, 4), ids=name_of)
def test_a_form_without_the_file_is_refused(site: Site, rows: tuple[Row, ...]) -> None:
    run(site, *rows)


@pytest.mark.parametrize("rows", by_name(NAMES, 4), ids=name_of)
def test_of_two_filenames_the_plain_one_counts(site: Site, rows: tuple[Row, ...]) -> None:
    run(site, *rows)


#: What OpenProject's form says of the file, and may come after it.
DESCRIBED: Mapping[str, bytes] = {
    "no JSON": b"{x}",
    "an array": b"[]",
    "null": b"null",
    "no name": b"{}",
    "an empty name": b'{"fileName": ""}',
    "a number for a name": b'{"fileName": 5}',
    "a name twice": b'{"fileName": "a", "fileName": "b"}',
    "two megabytes": b'{"fileName": "' + b"a" * (2 * MIB) + b'"}',
    "half a character": b'{"fileName": "a\\ud800"}',
    "a hundred thousand brackets": b"[" * 60_000,
    "no UTF-8": b'{"fileName": "\xff"}',
}

METADATAS = [
    Row(
        name=f"metadata of {name}{', after the file' if after else ''}",
        dialect="openproject",
        send=lambda site, text=text, after=after: site.post(  # type: ignore[misc]
            "openproject", form(*_ordered(part(text, b"metadata", None), after=after))
        ),
        expect={400, 422},
    )
    for name, text in DESCRIBED.items()
    for after in (False, True)
] + [
    Row(
        name="metadata after the file",
        dialect="openproject",
        send=lambda site: site.post("openproject", form(part(os.urandom(20)), METADATA)),
        expect={200},
        stores=True,
    ),
    Row(
        name="metadata and a part that nobody knows",
        dialect="openproject",
        send=lambda site: site.post(
            "openproject", form(METADATA, part(b"x", b"more", None), part(os.urandom(20)))
        ),
        expect={200},
        stores=True,
    ),
    Row(
        name="metadata twice",
        dialect="openproject",
        send=lambda site: site.post("openproject", form(METADATA, METADATA, DATA)),
        expect={400, 422},
    ),
]


def _ordered(metadata: bytes, *, after: bool) -> Iterable[bytes]:
    return (DATA, metadata) if after else (metadata, DATA)


@pytest.mark.parametrize("rows", by_name(METADATAS, 6), ids=name_of)
def test_metadata_is_an_object_that_names_the_file(site: Site, rows: tuple[Row, ...]) -> None:
    run(site, *rows)


#: A body made to look like its own end, at each byte.
STORM = (b"\r\n--XB" * MIB)[: MAX - 10]


def _same_bytes(site: Site, _: Exchange) -> None:
    newest = "SELECT sha256 FROM attachments WHERE state <> 'purged' ORDER BY id DESC LIMIT 1"
    assert recorded(site.server.data_dir, newest)[0]["sha256"] == hashlib.sha256(STORM).hexdigest()


LARGE = (
    [
        Row(
            name="a file that nearly ends all the time",
            dialect=dialect,
            send=lambda site, dialect=dialect: site.post(dialect, _form(dialect, part(STORM))),  # type: ignore[misc]
            expect={200, 201},
            stores=True,
            judge=_same_bytes,
            large=True,
        )
        for dialect in FORMS
    ]
    + [
        Row(
            name="a byte too many",
            dialect=dialect,
            send=lambda site, dialect=dialect: site.post(
                dialect, _form(dialect, part(bytes(MAX + 1)))
            ),  # type: ignore[misc]
            expect=TOO_LARGE[dialect],
        )
        for dialect in FORMS
    ]
    + [
        Row(
            name="six hundred megabytes announced",
            dialect=dialect,
            send=lambda site, dialect=dialect: [  # type: ignore[misc]
                site.post(
                    dialect,
                    _form(dialect, part(bytes(2 * MIB)))[:-9],
                    length=600 * MIB,
                    keep_alive=True,
                )
            ],
            expect=TOO_LARGE[dialect],
        )
        for dialect in FORMS
    ]
)


@pytest.mark.parametrize("rows", by_name(LARGE), ids=name_of)
def test_a_file_is_whole_or_refused_at_the_first_byte_too_many(
    site: Site, rows: tuple[Row, ...]
) -> None:
    run(site, *rows)


SLOW = [
    Row(
        name="a form whose first byte does not come",
        dialect=dialect,
        send=lambda site, dialect=dialect: site.post(dialect, None, length=1000, keep_alive=True),  # type: ignore[misc]
        expect={408, None},
    )
    for dialect in FORMS
]


@pytest.mark.thorough
def test_a_sender_that_says_nothing_is_not_waited_for(site: Site) -> None:
    run(site, *SLOW)


@pytest.mark.thorough
@pytest.mark.timeout(90)
def test_a_sender_of_a_byte_a_second_is_not_waited_for(site: Site) -> None:
    """Its rate is looked at over half a minute."""
    whole = site.post("chat", form(part(b"x" * 1000)))
    slowly = [piece for byte in whole[-1000:-960] for piece in (bytes([byte]), Pause(1))]
    row = Row(
        name="a byte a second",
        dialect="chat",
        send=lambda _: [whole[:-1000], *slowly],
        expect={408, None},
    )
    run(site, row)
