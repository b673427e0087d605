"""Digests that a sender announces."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from coatcheck.domain.digest import MD5, SHA3_256, SHA256, SHA512, Digest
from coatcheck.domain.errors import Malformed
from coatcheck.web.headers.digest import content_digests, repr_digests, structured

DATA = b"hello"


def b64(algorithm: str) -> str:
    return base64.b64encode(hashlib.new(algorithm, DATA).digest()).decode()


def digest(algorithm: str) -> Digest:
    return Digest.of_bytes(algorithm, hashlib.new(algorithm, DATA).digest())


SHA256_FIELD = f"sha-256=:{b64('sha256')}:"
SHA512_FIELD = f"sha-512=:{b64('sha512')}:"


@pytest.mark.parametrize(
    ("text", "algorithms"),
    [
        (SHA256_FIELD, [SHA256]),
        (f" {SHA256_FIELD},\t{SHA512_FIELD}", [SHA256, SHA512]),
        (f"{SHA256_FIELD};q=1", [SHA256]),
        (f"unixsum=:AAA=:, {SHA256_FIELD}", [SHA256]),
        ("crc32=:AAAAAA==:", []),
        ("", []),
    ],
)
def test_known_digests_are_read_and_unknown_ones_ignored(text: str, algorithms: list[str]) -> None:
    expected = [digest(algorithm) for algorithm in algorithms]
    assert content_digests(Headers({"Content-Digest": text})) == expected
    assert repr_digests(Headers({"Repr-Digest": text})) == expected


def test_digests_of_the_body_and_of_the_whole_are_kept_apart() -> None:
    headers = Headers({"Content-Digest": SHA256_FIELD, "Repr-Digest": SHA512_FIELD})
    assert content_digests(headers) == [digest(SHA256)]
    assert repr_digests(headers) == [digest(SHA512)]


def test_the_older_fields_are_read() -> None:
    assert content_digests(Headers({"Content-MD5": b64("md5")})) == [digest(MD5)]
    legacy = f"SHA-256={b64('sha256')},md5={b64('md5')},adler32=03da0195"
    assert repr_digests(Headers({"Digest": legacy})) == [digest(SHA256), digest(MD5)]


def test_a_repeated_field_is_one_list() -> None:
    raw = [(b"content-digest", SHA256_FIELD.encode()), (b"content-digest", SHA512_FIELD.encode())]
    assert content_digests(Headers(raw=raw)) == [digest(SHA256), digest(SHA512)]


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("Content-Digest", "sha-256"),
        ("Content-Digest", f"sha-256={b64('sha256')}"),
        ("Content-Digest", f"sha-256=:{b64('md5')}:"),
        ("Content-Digest", "sha-256=:AA:"),
        ("Content-Digest", "sha-256=::"),
        ("Repr-Digest", "\x00"),
        ("Digest", "SHA-256"),
        ("Digest", "SHA-256=AAAA"),
        ("Content-MD5", ""),
        ("Content-MD5", "???"),
        ("Content-MD5", "\xe9"),
    ],
)
def test_a_digest_that_cannot_be_read_is_malformed_and_never_passed_over(
    field: str, text: str
) -> None:
    headers = Headers({field: text})
    with pytest.raises(Malformed) as refusal:
        content_digests(headers) + repr_digests(headers)
    assert refusal.value.facts["field"] == field


@pytest.mark.parametrize("algorithm", [SHA256, SHA512, MD5])
def test_what_is_written_is_read(algorithm: str) -> None:
    written = structured(digest(algorithm))
    assert written is not None
    assert repr_digests(Headers({"Repr-Digest": written})) == [digest(algorithm)]


def test_an_algorithm_without_a_name_on_the_wire_is_not_written() -> None:
    assert structured(digest(SHA3_256)) is None


@given(st.text(st.characters(codec="latin-1")))
def test_any_text_is_a_list_of_digests_or_malformed(text: str) -> None:
    for field in ("Content-Digest", "Repr-Digest", "Digest", "Content-MD5"):
        try:
            content_digests(Headers({field: text}))
            repr_digests(Headers({field: text}))
        except Malformed:
            continue
