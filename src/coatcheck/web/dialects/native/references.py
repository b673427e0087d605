"""Every form of an attachment's identity that any API here uses, read from one text.

- `5`: the number that most of them use; `aZ09…`, 16 letters and digits: the public id
- `sha256:…`, `sha3-256:…`: a digest in hex; bare 64 digits are Campr's form, SHA3-256
- `token:users/ann/cv.pdf`: the path of a file in the tenant's tree (in JSON and queries: a path has its own slashes)
"""

from __future__ import annotations

import re

from coatcheck.domain.claim import ByDigest, ById, ByPublicId, ByToken, Reference
from coatcheck.domain.digest import SHA3_256, SHA256, Digest, parse_digest, parse_sha3_256
from coatcheck.domain.errors import BadName, Malformed, NotFound
from coatcheck.domain.names import parse_token

#: One spelling a number, and none that a 64-bit column could not hold.
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")
_PUBLIC_ID = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9]{16}")
_BARE = re.compile(r"[0-9A-Fa-f]{64}")
_TOKEN = "token:"

ALGORITHMS = {"sha256": SHA256, "sha-256": SHA256, "sha3-256": SHA3_256}

#: What nothing is called.
NOWHERE = ById(0)


def reference_of(text: str) -> Reference:
    """Raises NotFound for what no attachment can be called."""
    if _NUMBER.fullmatch(text):
        return ById(int(text))
    if _PUBLIC_ID.fullmatch(text):
        return ByPublicId(text)
    try:
        if text.startswith(_TOKEN):
            return ByToken(token_of(text.removeprefix(_TOKEN)))
        return ByDigest(parse_sha3_256(text) if _BARE.fullmatch(text) else digest_of(text))
    except (BadName, Malformed):
        raise NotFound from None


def digest_of(text: str) -> Digest:
    """`algorithm:hex`. Raises Malformed."""
    name, _, digits = text.partition(":")
    if name.lower() not in ALGORITHMS:
        raise Malformed("A digest is written sha256:… or sha3-256:…, in hex.")
    return parse_digest(ALGORITHMS[name.lower()], digits)


def token_of(text: str) -> str:
    """Raises BadName."""
    return parse_token(text).token


def shown_digests(digests: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in digests.items()}
