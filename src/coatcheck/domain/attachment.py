"""The attachment and its parts: frozen values, and the arithmetic of what has arrived."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from coatcheck.domain.folder import Filing
from coatcheck.domain.lifecycle import VISIBLE, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Bytes received in one request. Placed by `start` (bytes) or by `ordinal` (1, 2, …), whichever its dialect uses.

    The bytes are in the blob `blob_key`, or, when small, in `inline`; `id` is 0 until recorded. `sha256` is None where
    they went to the store past us.
    """

    id: int = 0
    start: int | None = None
    ordinal: int | None = None
    size: int
    sha256: str | None
    blob_key: str | None = None
    inline: bytes | None = None

    @property
    def stop(self) -> int:
        return (self.start or 0) + self.size


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """One row, one life. Sizes in bytes, times in ms since 1970 (UTC), digests in lower-case hex by algorithm.

    `size` is the whole size: known at the end of a deposit, declared at the start of a chunked upload.
    `grouping` is what a dialect groups it by, such as a conversation; `width` and `height`, in pixels, are an image's.
    `sealed_by` is the ordinal of the part that completed it, `filing` where a chunked upload will be filed. `part_size`
    is how an upload that was begun before its bytes is cut; its digests are what was announced, until it is complete.
    """

    id: int
    public_id: str
    tenant_id: int
    owner_id: int
    dialect: str
    state: State
    name: str | None
    media_type: str
    size: int
    received: int
    digests: dict[str, str] = field(default_factory=dict)
    created_at: int
    updated_at: int
    expires_at: int | None
    description: str | None = None
    grouping: str | None = None
    width: int | None = None
    height: int | None = None
    token: str | None = None
    folder_id: int | None = None
    capability: str | None = None
    sealed_by: int | None = None
    filing: Filing | None = None
    part_size: int | None = None

    def readable(self, now: int) -> bool:
        """Whole, and not past its time: expiry counts from the moment, not from the sweep."""
        if self.state not in VISIBLE:
            return False
        return self.state is State.CLAIMED or self.expires_at is None or self.expires_at > now


def laid_out(parts: Iterable[Part]) -> list[Part]:
    """The parts in byte order, each with its `start`; those placed by ordinal follow one another."""
    ordered = sorted(
        parts, key=lambda part: (part.start if part.ordinal is None else part.ordinal) or 0
    )
    placed: list[Part] = []
    end = 0
    for part in ordered:
        if part.ordinal is not None:
            part = replace(part, start=end)
        end = part.stop
        placed.append(part)
    return placed


@dataclass(frozen=True, slots=True)
class Slice:
    """The bytes [start, stop) of one part."""

    part: Part
    start: int
    stop: int


def slices(parts: Sequence[Part], start: int, stop: int) -> list[Slice]:
    """Which pieces of which parts make the bytes [start, stop), each byte once, although parts may overlap."""
    pieces: list[Slice] = []
    at = start
    for part in laid_out(parts):
        begin = part.start or 0
        if at >= stop:
            break
        if part.stop <= at or begin > at:
            continue
        end = min(part.stop, stop)
        pieces.append(Slice(part, at - begin, end - begin))
        at = end
    return pieces


def contiguous_ordinals(parts: Sequence[Part]) -> bool:
    """True when the ordinals are exactly 1..n."""
    return sorted(part.ordinal or 0 for part in parts) == list(range(1, len(parts) + 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An attachment about to be recorded, whole (a deposit) or with nothing yet (a chunked upload)."""

    public_id: str
    tenant_id: int
    owner_id: int
    dialect: str
    state: State
    name: str | None
    media_type: str
    size: int
    digests: dict[str, str] = field(default_factory=dict)
    now: int
    expires_at: int | None
    description: str | None = None
    grouping: str | None = None
    dimensions: tuple[int, int] | None = None
    reserved: int = 0
    upload_key: str | None = None
    token: str | None = None
    folder_id: int | None = None
    capability: str | None = None
    filing: Filing | None = None
    part_size: int | None = None
    part: Part | None = None


class Due(NamedTuple):
    """An attachment that a sweep has to do with, and why. A tuple, as one sweep may make a hundred thousand."""

    id: int
    public_id: str
    tenant_id: int
    owner_id: int
    dialect: str
    state: State
    reason: str
    size: int
    expires_at: int | None
