"""What type an attachment is kept as, and whether an installation takes it."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from coatcheck.domain.media_type import OCTET_STREAM, bare, guess_from_name, sniff


def type_of(name: str, head: bytes) -> str:
    """By name, else by the first bytes; what the sender declares is not listened to.

    Markup under the name of something harmless is kept as the markup it is.
    """
    guessed, sniffed = guess_from_name(name), sniff(head)
    if sniffed == "text/html" and not (guessed or "").startswith("text/"):
        return sniffed
    return guessed or sniffed or OCTET_STREAM


def is_allowed(patterns: Sequence[str], media_type: str, name: str) -> bool:
    """`patterns` are types such as `image/png` or `image/*`, and extensions such as `*.png`; none allows everything."""
    lowered = [pattern.lower() for pattern in patterns]
    return not lowered or any(
        fnmatchcase(bare(media_type) if "/" in pattern else name.lower(), pattern)
        for pattern in lowered
    )
