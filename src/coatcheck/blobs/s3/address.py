"""s3://bucket/prefix?endpoint=…: where the store is, and how it is spoken to. Credentials are never part of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

MIB = 1024 * 1024

#: S3 refuses smaller parts, but for the last one, and larger ones.
SMALLEST_PART = 5 * MIB
LARGEST_PART = 5 * 1024 * MIB

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")

_PARAMETERS = ("addressing", "connections", "endpoint", "part_size", "region", "timeout")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """`prefix` ends in / or is empty. `endpoint` None is Amazon's own. Sizes in bytes, times in seconds.

    `timeout` is how long the store may be silent; one request, or one part, has three times as long in all.
    `connections` are the most of one process: a download holds one while it lasts, an upload one for each part sent.
    """

    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    region: str | None = None
    addressing: Literal["auto", "path", "virtual"] = "auto"
    part_size: int = 8 * MIB
    connections: int = 256
    timeout: float = 30


def parse_address(url: str) -> Address:
    """Raises ValueError, which does not repeat the URL: somebody may have put a secret into it."""
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        raise ValueError(
            "credentials do not belong into the URL of an S3 store: they are looked for in the environment, "
            "in AWS profiles and at the machine's own service"
        )
    if parts.fragment or not _BUCKET.fullmatch(parts.netloc):
        raise ValueError("not the URL of an S3 store, s3://bucket/prefix: its bucket is no bucket")
    prefix = unquote(parts.path).strip("/")
    if prefix and not _PREFIX.fullmatch(prefix):
        raise ValueError("the prefix in an S3 store has only A-Z a-z 0-9 . _ - between slashes")
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := sorted(given.keys() - set(_PARAMETERS)):
        raise ValueError(
            f"unknown in the URL of an S3 store: {', '.join(unknown)}; known are {', '.join(_PARAMETERS)}"
        )
    endpoint = given.get("endpoint")
    return Address(
        bucket=parts.netloc,
        prefix=prefix and prefix + "/",
        endpoint=_endpoint(endpoint) if endpoint else None,
        region=given.get("region") or None,
        addressing=_addressing(given.get("addressing", "path" if endpoint else "auto")),
        part_size=_number(given, "part_size", 8 * MIB, SMALLEST_PART, LARGEST_PART),
        connections=_number(given, "connections", 256, 4, 65536),
        timeout=_number(given, "timeout", 30, 1, 3600),
    )


def _endpoint(endpoint: str) -> str:
    parts = urlsplit(endpoint)
    if (
        parts.scheme not in {"http", "https"}
        or not parts.hostname
        or parts.username is not None
        or parts.query
        or parts.fragment
    ):
        raise ValueError("the endpoint of an S3 store is http://host or https://host, with a port")
    return endpoint.rstrip("/")


def _addressing(given: str) -> Literal["auto", "path", "virtual"]:
    match given:
        case "auto" | "path" | "virtual":
            return given
        case _:
            raise ValueError("addressing in an S3 store is path, virtual or auto")


def _number(given: dict[str, str], name: str, usual: int, least: int, most: int) -> int:
    text = given.get(name, str(usual))
    if not text.isascii() or not text.isdecimal() or not least <= int(text) <= most:
        raise ValueError(f"{name} of an S3 store is a number from {least} to {most}")
    return int(text)
