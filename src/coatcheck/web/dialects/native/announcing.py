"""What a client announces of an upload before its bytes: the JSON of POST /uploads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coatcheck.domain.digest import Digest
from coatcheck.domain.errors import Invalid, Malformed, Missing
from coatcheck.domain.media_type import choose_media_type
from coatcheck.domain.principal import Principal
from coatcheck.services.commands import Begin, RequestId
from coatcheck.services.direct_uploads import OFFERED
from coatcheck.web.config import WireConfig
from coatcheck.web.dialects.native.drafts import an_object, media_type_of, name_of
from coatcheck.web.dialects.native.references import digest_of

_MIB = 1024 * 1024

#: S3 takes no larger body at once.
LARGEST_PART = 5 * 1024 * _MIB

#: Unless the client wants another.
_USUAL_PART = 64 * _MIB

_MEMBERS = {"name", "media_type", "size", "digest", "part_size"}
_INT64 = (1 << 63) - 1


def begin(value: object, caller: Principal, config: WireConfig, request: RequestId | None) -> Begin:
    """Raises Invalid, BadName."""
    given = an_object(value, "", _MEMBERS)
    if given.get("size") is None:
        raise Missing("The size is needed.", pointer="/size")
    size = _number(given, "size", _INT64)
    name = name_of(given, "")
    return Begin(
        caller=caller,
        dialect="native",
        name=name,
        media_type=choose_media_type(media_type_of(given, ""), name, b""),
        size=size,
        max_size=config.max_size,
        part_size=_usual(size)
        if given.get("part_size") is None
        else min(size, _number(given, "part_size", LARGEST_PART)),
        window=config.partial_ttl,
        expected=_digest(given.get("digest")),
        request=request,
    )


def _usual(size: int) -> int:
    """So that one answer can tell where all of them go, in whole MiB."""
    needed = -(-size // OFFERED)
    return min(size, max(_USUAL_PART, -(-needed // _MIB) * _MIB), LARGEST_PART)


def _number(given: Mapping[str, Any], name: str, most: int) -> int:
    value = given[name]
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise Invalid(
            f"{name} is not a number of bytes from 1 to {most}.",
            pointer=f"/{name}",
            minimum=1,
            maximum=most,
        )
    return value


def _digest(value: object) -> tuple[Digest, ...]:
    """`"sha256:…"`, or `{"sha-256": "…"}`; in hex, as everywhere here."""
    if value is None:
        return ()
    if isinstance(value, dict) and len(value) == 1:
        ((name, digits),) = value.items()
        value = f"{name}:{digits}"
    if not isinstance(value, str):
        raise Invalid("A digest is written sha256:… in hex.", pointer="/digest")
    try:
        return (digest_of(value),)
    except Malformed as error:
        raise Invalid(error.detail, pointer="/digest") from None
