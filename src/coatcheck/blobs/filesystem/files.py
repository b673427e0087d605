"""One blob being written, and one being read: each owns its descriptor, and no call on it outlives its closing."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from threading import Lock

from coatcheck.blobs.base import BlobExists, BlobKey, checked_range
from coatcheck.blobs.filesystem.ops import FsOps
from coatcheck.faultpoints import reach_in_thread

#: Bytes a reader yields at once.
PIECE = 512 * 1024

#: Bytes that are written before the disk is asked to begin with them. It works while the rest is on its way then, and
#: the fsync at the end finds little to wait for: 1 GiB became durable in half the time.
AHEAD = 8 * 1024 * 1024


class Writer:
    """One blob on its way to the disk: the only owner of its descriptor and of its temporary file.

    Its methods run in threads. Each holds the lock, so that the descriptor is never closed, and its
    number never given to another file, under an operation still in flight.
    """

    def __init__(
        self,
        fs: FsOps,
        tmp: Path,
        key: BlobKey,
        shard: Callable[[BlobKey], AbstractContextManager[int]],
    ) -> None:
        self._fs = fs
        self._key = key
        self._shard = shard
        self._beside = tmp / f"{key}.{secrets.token_hex(8)}"
        self._lock = Lock()
        self._fd: int | None = None
        self._written = 0
        self._begun = 0
        self._made = False
        self._linked = False
        self._over = False

    def write(self, pieces: list[bytes]) -> None:
        """Append, in full."""
        with self._lock:
            if not self._over:
                self._append(pieces)

    def commit(self, pieces: list[bytes]) -> None:
        """Append the last pieces, then make the blob durable under its key. Raises BlobExists."""
        with self._lock:
            fd = self._append(pieces)
            reach_in_thread("U4")
            self._fs.fsync(fd)
            reach_in_thread("U5")
            with self._shard(self._key) as shard:
                try:
                    self._fs.link(self._beside, self._key, shard)
                except FileExistsError:
                    # Whoever made it may have died before this, and somebody is about to rely on it.
                    self._fs.fsync(shard)
                    raise BlobExists(self._key) from None
                self._linked = True
                reach_in_thread("U6")
                self._fs.unlink(self._beside)
                self._made = False
                # Until here the lock on the file has kept every sweep from it.
                self._fd = None
                self._fs.close(fd)
                self._fs.fsync(shard)
                reach_in_thread("U7")
            self._over = True

    def discard(self) -> None:
        """Leave nothing behind, as far as the disk lets us; what stays is found by the sweeps."""
        with self._lock:
            self._over = True
            if self._fd is not None:
                fd, self._fd = self._fd, None
                with suppress(OSError):
                    self._fs.close(fd)
            if self._made:
                with suppress(OSError):
                    self._fs.unlink(self._beside)
            if self._linked:
                with suppress(OSError), self._shard(self._key) as shard:
                    self._fs.unlink(self._key, dir_fd=shard)

    def _append(self, pieces: list[bytes]) -> int:
        if self._fd is None:
            self._fd = self._fs.open(self._beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            self._made = True
            os.fchmod(self._fd, 0o600)  # whatever the umask took away
            fcntl.flock(self._fd, fcntl.LOCK_EX)
            reach_in_thread("U2")
        while pieces:
            written = self._fs.write(self._fd, pieces)
            self._written += written
            pieces = _rest(pieces, written)
        reach_in_thread("U3")
        if self._written - self._begun >= AHEAD:
            self._fs.begin_writing(self._fd, self._begun, self._written - self._begun)
            self._begun = self._written
        return self._fd


class Reader:
    """One pass over a blob. Its methods run in threads, one after the other."""

    def __init__(
        self,
        fs: FsOps,
        opened: Callable[[BlobKey], int],
        key: BlobKey,
        start: int,
        stop: int | None,
    ) -> None:
        self._fs = fs
        self._opened = opened
        self._key = key
        self._fd: int | None = None
        self._at = start
        self._stop = stop
        self._end = 0
        self.done = False

    def next(self) -> bytes:
        """The next piece; the last one closes the file. Raises BlobMissing at the first."""
        if self._fd is None:
            self._fd = self._opened(self._key)
            size = os.fstat(self._fd).st_size
            self._at, self._end = checked_range(self._at, self._stop, size)
        piece = self._fs.pread(self._fd, min(PIECE, self._end - self._at), self._at)
        self._at += len(piece)
        if not piece or self._at >= self._end:
            self.close()
        return piece

    def close(self) -> None:
        self.done = True
        if self._fd is not None:
            fd, self._fd = self._fd, None
            self._fs.close(fd)


def _rest(pieces: list[bytes], written: int) -> list[bytes]:
    """What a short write left over."""
    for index, piece in enumerate(pieces):
        if written < len(piece):
            return [piece[written:], *pieces[index + 1 :]]
        written -= len(piece)
    return []
