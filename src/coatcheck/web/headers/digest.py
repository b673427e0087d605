"""Digests that a sender announces: RFC 9530, its predecessor RFC 3230, and Content-MD5 (RFC 1864).

Of the content are those of this one request's body; of the representation those of the whole, of
which the body may be a part (Content-Range). An algorithm that is not known here is ignored.
"""

from __future__ import annotations

import base64
import re

from starlette.datastructures import Headers

from coatcheck.domain.digest import LENGTHS, MD5, SHA256, SHA512, Digest
from coatcheck.domain.errors import Malformed

_ALGORITHMS = {"sha-256": SHA256, "sha-512": SHA512, "md5": MD5}
_NAMES = {algorithm: name for name, algorithm in _ALGORITHMS.items()}

# RFC 8941: a dictionary whose members are byte sequences, with parameters that mean nothing here.
_MEMBER = re.compile(r"([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/=]*):(?:;[^,]*)?")
_LEGACY_MEMBER = re.compile(r"([A-Za-z0-9_-]+)=([A-Za-z0-9+/=]+)")


def content_digests(headers: Headers) -> list[Digest]:
    """What the body of this request must have. Raises Malformed(field=…)."""
    return [
        *_listed(headers, "Content-Digest", _MEMBER),
        *(_digest("Content-MD5", "md5", value) for value in headers.getlist("Content-MD5")),
    ]


def repr_digests(headers: Headers) -> list[Digest]:
    """What the whole must have once it is together. Raises Malformed(field=…)."""
    return [
        *_listed(headers, "Repr-Digest", _MEMBER),
        *_listed(headers, "Digest", _LEGACY_MEMBER),
    ]


def structured(digest: Digest) -> str | None:
    """`sha-256=:…:`, a member of Repr-Digest in an answer; None for what has no registered name."""
    name = _NAMES.get(digest.algorithm)
    return name and f"{name}=:{base64.b64encode(bytes.fromhex(digest.hex)).decode()}:"


def _listed(headers: Headers, field: str, member: re.Pattern[str]) -> list[Digest]:
    digests = []
    for text in ",".join(headers.getlist(field)).split(","):
        match = member.fullmatch(text.strip(" \t"))
        if match is not None and match[1].lower() in _ALGORITHMS:
            digests.append(_digest(field, match[1].lower(), match[2]))
        elif match is None and text.strip(" \t"):
            raise Malformed(f"{field} cannot be read.", field=field)
    return digests


def _digest(field: str, name: str, text: str) -> Digest:
    algorithm = _ALGORITHMS[name]
    try:
        value = base64.b64decode(text.strip(" \t"), validate=True)
    except ValueError:
        value = b""
    if len(value) != LENGTHS[algorithm]:
        raise Malformed(f"{field} is not a {name} digest in base64.", field=field)
    return Digest.of_bytes(algorithm, value)
