"""What a blob store must do: five methods, whole contract. Stores know bytes, never attachments."""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NewType, Protocol, runtime_checkable

from coatcheck.domain.errors import Unavailable

#: 32 lower-case hex digits, random; a key is never used twice.
BlobKey = NewType("BlobKey", str)

_KEY = re.compile(r"[0-9a-f]{32}")


def new_blob_key() -> BlobKey:
    """A fresh random key of 128 bits."""
    return BlobKey(secrets.token_hex(16))


def checked(key: str) -> BlobKey:
    """The key, if it has the one legal form. Raises ValueError.

    A key from a damaged database must not become a path.
    """
    if _KEY.fullmatch(key) is None:
        raise ValueError(f"not a blob key: {key!r}")
    return BlobKey(key)


def checked_range(start: int, stop: int | None, size: int) -> tuple[int, int]:
    """The part of [start, stop) that lies in a blob of `size` bytes.

    Raises ValueError for a range that cannot be: start < 0 or stop < start.
    """
    if start < 0 or (stop is not None and stop < start):
        raise ValueError(f"not a range: {start} to {stop}")
    end = size if stop is None else min(stop, size)
    return min(start, end), end


class BlobStore(Protocol):
    """Immutable runs of bytes under random keys.

    Errors: BlobExists (put on a used key), BlobMissing (read, size), and domain Unavailable or StorageFull
    when the store cannot serve. Whatever `data` raises in `put` leaves no blob and is raised unchanged.
    A key that is not a legal one is a ValueError everywhere.
    """

    async def put(self, key: BlobKey, data: AsyncIterable[bytes]) -> int:
        """Store all of `data`; the number of bytes stored, durable when this returns. All or nothing.

        An empty piece asks for what came before it to be written without waiting for more, where that is possible.
        Cancelled at whatever point, it leaves no blob and raises CancelledError. Raises BlobExists, and
        leaves the blob that was there as it was.
        """
        ...

    def read(self, key: BlobKey, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        """The bytes [start, stop) in order, as many of them as there are, in pieces that are never empty.

        Before the first byte it raises BlobMissing, or ValueError for a range that cannot be (start < 0 or
        stop < start). Close the iterator (`aclosing`) where it may not be read to its end.
        """
        ...

    async def size(self, key: BlobKey) -> int:
        """Bytes stored under the key. Raises BlobMissing."""
        ...

    async def delete(self, key: BlobKey) -> None:
        """Remove it, durably; a missing blob is fine."""
        ...

    def keys(self, prefix: str = "") -> AsyncIterator[BlobKey]:
        """Every stored key that starts with the prefix, in any order, for the orphan sweep.

        A blob that is stored or deleted meanwhile may be among them or not.
        """
        ...


@runtime_checkable
class LocalPath(Protocol):
    """A store whose blobs are plain local files, so that a server may send one by its path."""

    def path(self, key: BlobKey) -> Path: ...


@runtime_checkable
class DeletesMany(Protocol):
    """A store for which it is cheaper to delete many blobs together."""

    async def delete_many(self, keys: Iterable[BlobKey]) -> dict[BlobKey, Exception]:
        """What each that could not be removed failed of; the others are durably gone. A missing one is fine."""
        ...


@runtime_checkable
class SweepsLeftovers(Protocol):
    """A store that can hold half-written leftovers of a crash."""

    async def sweep_leftovers(self, older_than: float) -> int:
        """Remove what a writer that died more than `older_than` seconds ago left behind; how many."""
        ...


@runtime_checkable
class ListsLeftovers(Protocol):
    """A store that can tell of such leftovers without removing them."""

    async def leftovers(self, older_than: float) -> list[str]:
        """The names of what a writer that died more than `older_than` seconds ago left behind."""
        ...


@runtime_checkable
class Quarantines(Protocol):
    """A store that can put a blob out of the way without losing its bytes."""

    async def set_aside(self, key: BlobKey) -> str:
        """The blob is durably none any more; where its bytes lie now. Raises BlobMissing."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRequest:
    """What somebody without credentials may send, once or often, until it expires: exactly this."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedForm:
    """A multipart/form-data POST: these fields, in this order, and behind them the bytes as `file`."""

    url: str
    fields: dict[str, str]


@runtime_checkable
class Presigns(Protocol):
    """A store that others may be sent to for the bytes of one blob. `expires` is in seconds from now."""

    async def presign_get(
        self,
        key: BlobKey,
        *,
        expires: int,
        media_type: str | None = None,
        disposition: str | None = None,
    ) -> SignedRequest:
        """Reads the blob, all of it or ranges; answered with that Content-Type and Content-Disposition."""
        ...

    async def presign_put(self, key: BlobKey, *, size: int, expires: int) -> SignedRequest:
        """Stores a blob of exactly `size` bytes, if there is none under the key yet."""
        ...

    async def presign_form(self, key: BlobKey, *, size: int, expires: int) -> SignedForm:
        """The same by a browser's form, which knows no condition: sent again, it replaces the blob by another."""
        ...


@runtime_checkable
class Remote(Protocol):
    """A store behind a network: it may be away, or not let us in, and its connections have to be closed."""

    async def check(self) -> None:
        """Raises StoreRefuses, which says what is wrong with address or credentials; Unavailable."""
        ...

    async def close(self) -> None:
        """Give up all connections. It may be used again, and closed again."""
        ...


class StoreRefuses(Unavailable):
    """The store answers, and says no. It will until somebody has changed address, credentials or rights."""


@runtime_checkable
class Marked(Protocol):
    """A store that outlives the process, and can bear the mark of the database it belongs to. It is none of `keys`."""

    async def marker(self) -> str | None:
        """The mark, a line of ASCII; None for a store without one."""
        ...

    async def mark(self, marker: str, *, anew: bool = False) -> str:
        """Durably leave a mark where there is none yet, or `anew`; the one that is there now."""
        ...


class RemoteBlobStore(BlobStore, SweepsLeftovers, Presigns, Remote, Marked, Quarantines, Protocol):
    """All that a store behind a network can do."""


class BlobMissing(Exception):
    """No blob under that key."""


class BlobExists(Exception):
    """The key was used before."""
