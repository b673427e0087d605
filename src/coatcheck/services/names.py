"""Random names that nobody can guess, and the digests that are worth a column."""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping

from coatcheck.domain.digest import MD5, SHA3_256, SHA256
from coatcheck.domain.principal import Principal

_ALPHABET = (string.ascii_letters + string.digits).encode()

#: For each byte its character, four bytes a character; the last eight bytes stand for none.
_CHARACTERS = (_ALPHABET * 5)[:256]
_LEFT_OVER = bytes(range(4 * len(_ALPHABET), 256))


def new_public_id() -> str:
    """16 random characters of [A-Za-z0-9]: 95 bits."""
    name = ""
    while (
        len(name) < 16
    ):  # bytes that no character stands for are left out, so that all are as likely
        name += secrets.token_bytes(20).translate(_CHARACTERS, _LEFT_OVER).decode()
    return name[:16]


def new_capability() -> str:
    """22 random characters; whoever knows them may read."""
    return secrets.token_urlsafe(16)


def upload_key(dialect: str, owner: Principal | None, key: str) -> str:
    """What an upload is found by: the client's key, its owner's unless it is the tenant's, in its dialect."""
    return f"{dialect}:{owner.id if owner else ''}:{key}"


def key_of_begun(public_id: str) -> str:
    """The key of an upload that was begun before its bytes. No client's key has a space."""
    return f"begun {public_id}"


def kept_digests(digests: Mapping[str, str]) -> dict[str, str]:
    """Those that are stored; the others were only to be verified."""
    return {name: value for name, value in digests.items() if name in (SHA256, SHA3_256, MD5)}
