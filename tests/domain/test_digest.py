"""Digests: the algorithms that are known, in lower-case hex."""

import hashlib

import pytest

from coatcheck.domain.digest import (
    LENGTHS,
    SHA3_256,
    SHA256,
    Digest,
    parse_digest,
    parse_sha3_256,
    parse_sha256,
)
from coatcheck.domain.errors import Malformed

HELLO = "3338be694f50c5f338814986cdf0686453a888b84f424d792af4b9202398f392"


def test_hex_of_either_case_is_the_same_digest() -> None:
    assert parse_sha3_256(HELLO.upper()) == Digest(SHA3_256, HELLO)
    assert parse_sha256(HELLO) == Digest(SHA256, HELLO) != parse_sha3_256(HELLO)
    assert str(parse_sha256(HELLO)) == f"sha256:{HELLO}"


@pytest.mark.parametrize("algorithm", LENGTHS)
def test_every_algorithm_is_one_that_hashlib_knows_by_that_name(algorithm: str) -> None:
    value = hashlib.new(algorithm, b"hello", usedforsecurity=False).digest()
    assert Digest.of_bytes(algorithm, value).hex == value.hex()


def test_sha3_is_not_keccak() -> None:
    assert hashlib.new(SHA3_256, b"hello").hexdigest() == HELLO


@pytest.mark.parametrize(
    "text", ["", HELLO[1:], HELLO + "0", "g" + HELLO[1:], HELLO[:-1] + "\n", " " + HELLO[1:]]
)
def test_what_is_no_digest_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        parse_sha3_256(text)


def test_an_unknown_algorithm_is_malformed() -> None:
    with pytest.raises(Malformed):
        parse_digest("crc32", "00000000")
