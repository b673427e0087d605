"""Digests of content: which algorithms are kept, and what one looks like."""

from __future__ import annotations

import re
from dataclasses import dataclass

from coatcheck.domain.errors import Malformed

SHA256 = "sha256"
SHA512 = "sha512"
SHA3_256 = "sha3_256"
MD5 = "md5"

#: Bytes of a digest, by algorithm. The names are those of hashlib.
LENGTHS = {SHA256: 32, SHA512: 64, SHA3_256: 32, MD5: 16}

_HEX = re.compile(r"[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class Digest:
    """`hex` is lower case and as long as the algorithm makes it. Raises Malformed otherwise."""

    algorithm: str
    hex: str

    def __post_init__(self) -> None:
        length = LENGTHS.get(self.algorithm)
        if length is None or len(self.hex) != 2 * length or _HEX.fullmatch(self.hex) is None:
            raise Malformed("This is not a digest.", algorithm=self.algorithm)

    @classmethod
    def of_bytes(cls, algorithm: str, value: bytes) -> Digest:
        return cls(algorithm, value.hex())

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"


def parse_digest(algorithm: str, text: str) -> Digest:
    """A digest in hex of either case. Raises Malformed."""
    return Digest(algorithm, text.lower())


def parse_sha256(text: str) -> Digest:
    """A SHA-256 in hex of either case. Raises Malformed."""
    return parse_digest(SHA256, text)


def parse_sha3_256(text: str) -> Digest:
    """A SHA3-256 in hex of either case (not Keccak-256). Raises Malformed."""
    return parse_digest(SHA3_256, text)
