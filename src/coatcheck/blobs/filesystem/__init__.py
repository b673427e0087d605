"""Blobs as plain files on a local disk, durable when `put` returns. POSIX only.

    root/blobs/ab/abcdef…       a whole blob; its directory is named by the first two digits of the key
    root/lost+found/abcdef…     what a check found to belong to nothing
    root/store-id               which database the store belongs to
    root/tmp/abcdef….0123…      a blob being written, locked by its writer until it is done

A blob is written beside, synced, linked to its name (never over another), unlinked beside, and the
directory synced: at no instant does a name lead to part of a blob. `FsOps` are the system calls of
which this order is made.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from coatcheck.blobs.filesystem.ops import FsOps
from coatcheck.blobs.filesystem.store import BATCH, FilesystemBlobStore

__all__ = ["BATCH", "FilesystemBlobStore", "FsOps", "open_filesystem"]


def open_filesystem(url: str) -> FilesystemBlobStore:
    """The store of `file:///absolute/directory` (percent-encoded)."""
    parts = urlsplit(url)
    if parts.netloc not in {"", "localhost"} or parts.query or parts.fragment or not parts.path:
        raise ValueError(f"not the URL of a local directory, file:///absolute/directory: {url!r}")
    return FilesystemBlobStore(Path(unquote(parts.path)))
