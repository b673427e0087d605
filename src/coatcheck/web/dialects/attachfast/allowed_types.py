"""Which media types an installation accepts."""

from __future__ import annotations

from collections.abc import Sequence

from coatcheck.domain.media_type import bare, guess_from_name, sniff

# Other types are built on these, so that to begin like one says nothing.
_SHARED_SIGNATURES = frozenset(
    "application/zip application/gzip text/xml audio/ogg audio/mpeg video/mp4 video/x-matroska".split()
)


def is_allowed(patterns: Sequence[str], media_type: str, name: str, head: bytes) -> bool:
    """Whether the type that is kept, the one the name stands for and the one the bytes betray are all in the list.

    `patterns` are types such as `image/png` or `image/*`; an empty list allows everything. `head` are the first bytes.
    """
    if not patterns:
        return True
    sniffed = sniff(head)
    claims = {media_type, guess_from_name(name)}
    if sniffed not in _SHARED_SIGNATURES:
        claims.add(sniffed)
    return all(_matches(patterns, bare(claim)) for claim in claims if claim)


def _matches(patterns: Sequence[str], media_type: str) -> bool:
    for pattern in patterns:
        kind, _, rest = pattern.strip().lower().partition("/")
        if pattern.strip() == "*" or kind == "*" or f"{kind}/{rest}" == media_type:
            return True
        if rest == "*" and media_type.startswith(kind + "/"):
            return True
    return False
