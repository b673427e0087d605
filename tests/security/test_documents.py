"""JSON that is none, addresses that are spelt otherwise, and queries that nobody asks."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.security.harness import DIALECTS, Row, Site, Statuses, by_name, name_of, run
from tests.security.requests import request
from tests.security.wire import Exchange

#: Where each API takes an object, and what a good one is.
DOCUMENTS: Mapping[str, tuple[bytes, bytes]] = {
    "campr": (b"/posts", b"application/json"),
    "attachfast": (b"/api/folders", b"application/json"),
    "tracker": (b"/v3/issues/", b"application/json"),
    "openproject": (b"/api/v3/attachments/prepare", b"application/json"),
    "chat": (b"/v1/messages", b"application/json"),
    "native": (b"/coatcheck/v1/claims", b"application/json"),
}

TEXTS: Mapping[str, bytes] = {
    "no JSON": b"{x}",
    "nothing": b"",
    "an array": b"[]",
    "null": b"null",
    "a string": b'"text"',
    "a number": b"5",
    "a mark before it": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "no UTF-8": b'{"a": "\xff\xfe"}',
    "only a mark": b"\xff\xfe",
    "more after it": b'{"a": 1} trailing',
    "two of it": b"{}{}",
    "a hundred thousand brackets": b"[" * 100_000,
    "a hundred thousand braces": b'{"a":' * 100_000,
    "deep and whole": b"[" * 50_000 + b"]" * 50_000,
    "a number of 5000 digits": b'{"a": ' + b"9" * 5000 + b"}",
    "a number beyond 64 bits": b'{"a": 9223372036854775808}',
    "a number beyond doubles": b'{"a": 1e400}',
    "NaN": b'{"a": NaN}',
    "minus Infinity": b'{"a": -Infinity}',
    "a key twice": b'{"a": 1, "a": 2}',
    "half a character": b'{"a": "\\ud800"}',
    "a NUL": b'{"a": "\\u0000"}',
    "a comment": b'{"a": 1 /* one */}',
    "a quote too few": b'{"a": "b}',
    "a control character": b'{"a": "\x01"}',
    "two megabytes": b'{"a": "' + b"x" * 2_000_000 + b'"}',
}

REFUSED: Mapping[str, Statuses] = {
    "campr": {400, 413},
    "attachfast": {400, 422},
    "tracker": {400, 413, 422},
    "openproject": {400, 415, 422},
    "chat": {400, 413},
    "native": {400, 413},
}


def _document(site: Site, dialect: str, text: bytes) -> bytes:
    path, media_type = DOCUMENTS[dialect]
    return request(b"POST", path, *site.key(dialect), (b"Content-Type", media_type), body=text)


BODIES = [
    Row(
        name=name,
        dialect=dialect,
        send=lambda site, dialect=dialect, text=text: _document(site, dialect, text),  # type: ignore[misc]
        expect=REFUSED[dialect],
    )
    for name, text in TEXTS.items()
    for dialect in DIALECTS
]

#: Where each API lists what there is.
LISTS: Mapping[str, bytes] = {
    "campr": b"/attachments",
    "attachfast": b"/api/files",
    "tracker": b"/v3/attachments/",
    "openproject": b"/api/v3/attachments",
    "chat": b"/v1/attachments",
    "native": b"/coatcheck/v1/attachments",
}

QUERIES: Mapping[str, bytes] = {
    "a page twice": b"page=1&page=2",
    "a page below all": b"page=-1&per_page=-1&limit=-1",
    "a page of text": b"page=x&per_page=x&limit=x",
    "a page beyond all numbers": b"page=" + b"9" * 400 + b"&limit=" + b"9" * 400,
    "a page in other digits": "page=٣&limit=１".encode(),
    "brackets": b"limit[]=1&page[]=1",
    "a NUL": b"page=%00&limit=%00&starting_after=%00&cursor=%00&token=%00&conversation_id=%00&owner=%00",
    "no UTF-8": b"page=%ff&limit=%ff&starting_after=%ff&cursor=%ff&token=%ff&conversation_id=%ff&owner=%ff",
    "half a character": b"cursor=%ed%a0%80&token=%ed%a0%80&owner=%ed%a0%80&conversation_id=%ed%a0%80",
    "percent signs": b"%&%%&%z=%z",
    "nothing but signs": b"&&&===;;;",
    "20 kB": b"token=" + b"q" * 20_000,
    "five thousand fields": b"&".join(b"q%d=1" % n for n in range(5000)),
    "SQL": b"cursor=1'%20OR%201=1--&token=%27%3BDROP%20TABLE%20attachments",
}

ASKED = [
    Row(
        name=f"a query of {name}",
        dialect=dialect,
        send=lambda site, dialect=dialect, query=query: request(  # type: ignore[misc]
            b"GET", LISTS[dialect] + b"?" + query, *site.key(dialect)
        ),
        # Where there is no list at all, it is not allowed or not found.
        expect={200, 400, 404, 405, 414, 422, 431},
    )
    for name, query in QUERIES.items()
    for dialect in DIALECTS
] + [
    Row(
        name="a query of 100 kB",
        dialect="campr",
        send=lambda site: request(b"GET", b"/attachments?q=" + b"q" * 100_000, *site.key()),
        expect={200, 400, 414, 431, None},
    )
]

#: The same address, spelt so that somebody might not know it. None of them may be let in without a key.
PATHS: Mapping[str, bytes] = {
    "two slashes": b"//attachments",
    "a slash at its end": b"/attachments/",
    "a dot": b"/attachments/.",
    "a dot before": b"/./attachments",
    "two dots": b"/-/../attachments",
    "a letter in hexadecimal": b"/%61ttachments",
    "a slash in hexadecimal": b"/api/files/..%2f..%2fattachments",
    "a dot in hexadecimal": b"/-/%2e%2e/attachments",
    "a session id": b"/attachments;jsessionid=1",
    "a NUL": b"/attachments%00",
    "no UTF-8": b"/attachments/%ff%fe",
    "a backslash": b"/-\\..\\attachments",
    "a file of the documentation": b"/-/assets/../../../etc/passwd",
    "a file in hexadecimal": b"/-/assets/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "an absolute file": b"/-/assets//etc/passwd",
    "20 kB": b"/" + b"a" * 20_000,
    "a fragment": b"/attachments#here",
    "a question in hexadecimal": b"/attachments%3Fpage=1",
}


def _let_in(_: Site, seen: Exchange) -> None:
    assert b"root:" not in seen.answer.body
    assert b'"attachments":' not in seen.answer.body, "it was let in without a key"


STRAYS = [
    Row(
        name=f"an address with {name}",
        # Whoever owns the path tells of the error; here it may be either.
        dialect="attachfast" if path.startswith(b"/api") else "campr",
        send=lambda _, path=path: request(b"GET", path),  # type: ignore[misc]
        expect={400, 401, 404, 414, 431},
        judge=_let_in,
    )
    for name, path in PATHS.items()
]

#: What a client wants to have for an answer.
WANTED: Mapping[str, bytes] = {
    "HTML": b"text/html",
    "bad weights": b"*/*;q=x, text/html;q=-1",
    "10 kB": b"text/" + b"x" * 10_000,
    "no UTF-8": b"\xff\xfe",
}


def _is_json(_: Site, seen: Exchange) -> None:
    assert "json" in (seen.answer.header("content-type") or ""), seen


ACCEPTED = [
    Row(
        name=f"errors wanted in {name}",
        dialect=dialect,
        send=lambda _, dialect=dialect, wanted=wanted: request(  # type: ignore[misc]
            b"GET", LISTS[dialect], (b"Accept", wanted)
        ),
        expect={401, 404, 405},
        judge=_is_json,
    )
    for name, wanted in WANTED.items()
    for dialect in DIALECTS
]


@pytest.mark.parametrize("rows", by_name(BODIES, 4), ids=name_of)
def test_a_document_is_an_object_in_sound_json(site: Site, rows: tuple[Row, ...]) -> None:
    run(site, *rows)


@pytest.mark.parametrize("rows", by_name(ASKED, 4), ids=name_of)
def test_an_odd_query_is_answered_or_refused(site: Site, rows: tuple[Row, ...]) -> None:
    run(site, *rows)


@pytest.mark.parametrize("rows", by_name(STRAYS, 9), ids=name_of)
def test_no_spelling_of_an_address_leads_past_the_key(site: Site, rows: tuple[Row, ...]) -> None:
    run(site, *rows)


@pytest.mark.parametrize("rows", by_name(ACCEPTED, 4), ids=name_of)
def test_an_error_is_told_in_json_whatever_is_wanted(site: Site, rows: tuple[Row, ...]) -> None:
    run(site, *rows)
