"""Blobs as plain files on a local disk, durable when `put` returns. POSIX only.

    root/blobs/ab/abcdef…       a whole blob; its directory is named by the first two digits of the key
    root/tmp/abcdef….0123…      a blob being written, locked by its writer until it is done

A blob is written beside, synced, linked to its name (never over another), unlinked beside, and the
directory synced: at no instant does a name lead to part of a blob. `FsOps` are the system calls of
which this order is made.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import re
import secrets
import stat
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import ParamSpec, TypeVar
from urllib.parse import unquote, urlsplit

from coatcheck.blobs.base import BlobExists, BlobKey, BlobMissing, checked, checked_range
from coatcheck.domain.errors import StorageFull, Unavailable

P = ParamSpec("P")
T = TypeVar("T")

#: Bytes that travel to a thread together: below, the hops cost more than the writing.
BATCH = 1024 * 1024
#: Pieces that travel together, however small: well below IOV_MAX, and bounds what tiny pieces cost.
BATCH_PIECES = 256
#: Bytes a reader yields at once.
PIECE = 512 * 1024
#: Enough for syncs that wait for the disk to wait together: a journal commits them as one.
THREADS = 16
#: Seconds after which asking again makes sense.
RETRY_AFTER = 5

_FULL = {errno.ENOSPC, errno.EDQUOT}
_SHARD = re.compile(r"[0-9a-f]{2}")
_LEFTOVER = re.compile(r"[0-9a-f]{32}\.[0-9a-f]{16}")


class FsOps:
    """The system calls whose order decides what a crash leaves behind; a test records or breaks them."""

    def mkdir(self, path: Path) -> None:
        path.mkdir(mode=0o700)
        path.chmod(0o700)  # whatever the umask took away

    def open(self, path: str | Path, flags: int, dir_fd: int | None = None) -> int:
        return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=dir_fd)

    def write(self, fd: int, pieces: Sequence[bytes]) -> int:
        return os.writev(fd, pieces)

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        return os.pread(fd, size, offset)

    def fsync(self, fd: int) -> None:
        os.fsync(fd)

    def link(self, source: Path, name: str, dst_dir_fd: int) -> None:
        os.link(source, name, dst_dir_fd=dst_dir_fd, follow_symlinks=False)

    def unlink(self, path: str | Path, dir_fd: int | None = None) -> None:
        os.unlink(path, dir_fd=dir_fd)

    def close(self, fd: int) -> None:
        os.close(fd)


class FilesystemBlobStore:
    """Blobs below `root`, an absolute directory that is made if its parent exists.

    Raises ValueError for a root that cannot be right, OSError for one that cannot be used. At run
    time a full disk is StorageFull, any other failure of the disk Unavailable; the OSError is the
    cause. No operation leaves before its thread has: a cancelled one waits for the system call in
    flight, cleans up and then raises CancelledError.
    """

    def __init__(
        self, root: Path, *, fs: FsOps | None = None, wall: Callable[[], float] = time.time
    ) -> None:
        self._fs = fs or FsOps()
        #: Seconds since 1970 by the clock that stamps files; for `sweep_leftovers` alone.
        self._wall = wall
        # Threads of its own: a disk that stalls must not hold up what else the process does in threads.
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="coatcheck-blobs")
        self._durable_shards: set[str] = set()
        self._lay_out(root)

    async def put(self, key: BlobKey, data: AsyncIterable[bytes]) -> int:
        writer = _Writer(self._fs, self._tmp, checked(key), self._shard_for_writing)
        stored = 0
        batch: list[bytes] = []
        held = 0
        writing: Future[None] | None = None
        try:
            async for piece in data:
                if not piece:
                    continue
                # A copy, unless it is bytes already: a thread reads it while the caller goes on.
                batch.append(bytes(piece))
                held += len(piece)
                stored += len(piece)
                if held >= BATCH or len(batch) >= BATCH_PIECES:
                    if writing is not None:
                        await self._end_of(writing)
                    writing = self._threads.submit(writer.write, batch)
                    batch, held = [], 0
            if writing is not None:
                await self._end_of(writing)
            await self._in_thread(writer.commit, batch)
        except BaseException:
            await self._in_thread(writer.discard)
            raise
        return stored

    async def read(
        self, key: BlobKey, start: int = 0, stop: int | None = None
    ) -> AsyncIterator[bytes]:
        reader = _Reader(self._fs, self._opened, checked(key), start, stop)
        try:
            while not reader.done:
                if piece := await self._in_thread(reader.next):
                    yield piece
        finally:
            if not reader.done:
                await self._in_thread(reader.close)

    async def size(self, key: BlobKey) -> int:
        return await self._in_thread(self._size, checked(key))

    async def delete(self, key: BlobKey) -> None:
        await self._in_thread(self._delete, checked(key))

    async def keys(self, prefix: str = "") -> AsyncIterator[BlobKey]:
        for shard in await self._in_thread(self._shards, prefix):
            for key in await self._in_thread(self._keys_in, shard, prefix):
                yield key

    def path(self, key: BlobKey) -> Path:
        """Where the blob lies, or would lie."""
        key = checked(key)
        return self._blobs / key[:2] / key

    async def sweep_leftovers(self, older_than: float) -> int:
        """Remove what a writer that died more than `older_than` seconds ago left behind; how many.

        A writer that lives, in this process or another, holds a lock: its file stays, however old.
        """
        return await self._in_thread(self._sweep, self._wall() - older_than)

    # What follows runs in threads, except the next two.

    async def _in_thread(
        self, operation: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return await self._end_of(self._threads.submit(operation, *args, **kwargs))

    async def _end_of(self, operation: Future[T]) -> T:
        """The outcome of an operation. Waits for its end even when cancelled meanwhile."""
        ending = asyncio.wrap_future(operation)
        cancelled: asyncio.CancelledError | None = None
        while not ending.done():
            try:
                await asyncio.wait((ending,))
            except asyncio.CancelledError as error:
                cancelled = error
        failure = ending.exception()  # looked at in any case, or asyncio complains in the log
        if cancelled is not None:
            raise cancelled
        if isinstance(failure, OSError):
            kind = StorageFull if failure.errno in _FULL else Unavailable
            raise kind(retry_after=RETRY_AFTER) from failure
        return ending.result()

    def _lay_out(self, root: Path) -> None:
        if not root.is_absolute():
            raise ValueError(f"the blob directory must be absolute: {root}")
        root = root.resolve()
        if root == Path(root.anchor):
            raise ValueError("the blob directory cannot be the root of the file system")
        self._blobs = root / "blobs"
        self._tmp = root / "tmp"
        for directory in (root, self._blobs, self._tmp):
            with suppress(FileExistsError):
                self._fs.mkdir(directory)
            if not stat.S_ISDIR(directory.lstat().st_mode):
                raise ValueError(f"not a directory: {directory}")
        for directory in (self._blobs, self._tmp):
            if stat.S_IMODE(directory.lstat().st_mode) != 0o700:
                directory.chmod(0o700)
            if _device(directory) != _device(root):
                raise ValueError(f"not on the file system of {root}: {directory}")
        # Also when all were there: whoever made them may have died before this.
        self._sync(root)
        with suppress(PermissionError):  # then it was not made by us
            self._sync(root.parent)

    def _sync(self, directory: Path) -> None:
        with self._directory(directory) as fd:
            self._fs.fsync(fd)

    @contextmanager
    def _directory(self, path: Path) -> Iterator[int]:
        fd = self._fs.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield fd
        finally:
            self._fs.close(fd)

    @contextmanager
    def _shard_for_writing(self, key: BlobKey) -> Iterator[int]:
        """The key's directory, made if it is missing, durably there."""
        shard = key[:2]
        if shard not in self._durable_shards:
            with suppress(FileExistsError):
                self._fs.mkdir(self._blobs / shard)
            # Also when it was there: another process may have made it and not come to this yet.
            self._sync(self._blobs)
            self._durable_shards.add(shard)
        with self._directory(self._blobs / shard) as fd:
            yield fd

    def _opened(self, key: BlobKey) -> int:
        """A descriptor to read the blob. Raises BlobMissing."""
        try:
            with self._directory(self._blobs / key[:2]) as shard:
                return self._fs.open(key, os.O_RDONLY, dir_fd=shard)
        except FileNotFoundError:
            raise BlobMissing(key) from None

    def _size(self, key: BlobKey) -> int:
        fd = self._opened(key)
        try:
            return os.fstat(fd).st_size
        finally:
            self._fs.close(fd)

    def _delete(self, key: BlobKey) -> None:
        with suppress(FileNotFoundError), self._directory(self._blobs / key[:2]) as shard:
            with suppress(FileNotFoundError):
                self._fs.unlink(key, dir_fd=shard)
            # Also when it was gone: the one who removed it may have died before this.
            self._fs.fsync(shard)

    def _shards(self, prefix: str) -> list[str]:
        return sorted(
            shard.name
            for shard in self._blobs.iterdir()
            if _SHARD.fullmatch(shard.name) and shard.name.startswith(prefix[:2])
        )

    def _keys_in(self, shard: str, prefix: str) -> list[BlobKey]:
        keys = []
        with self._directory(self._blobs / shard) as fd, os.scandir(fd) as entries:
            for entry in entries:
                with suppress(ValueError):  # not a blob's name, so not ours
                    key = checked(entry.name)
                    if key.startswith(shard) and key.startswith(prefix):
                        keys.append(key)
        return keys

    def _sweep(self, before: float) -> int:
        swept = 0
        failure: OSError | None = None
        for leftover in list(self._tmp.iterdir()):
            if _LEFTOVER.fullmatch(leftover.name):
                try:
                    swept += self._swept(leftover, before)
                except OSError as error:  # one that cannot be removed does not shield the others
                    failure = error
        if failure is not None:
            raise failure
        return swept

    def _swept(self, leftover: Path, before: float) -> bool:
        try:
            found = leftover.lstat()
            if not stat.S_ISREG(found.st_mode) or found.st_mtime > before:
                return False
            fd = self._fs.open(leftover, os.O_RDONLY)
        except FileNotFoundError:  # its writer, or another sweep, was faster
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._fs.unlink(leftover)
        except (BlockingIOError, FileNotFoundError):
            return False
        finally:
            self._fs.close(fd)
        return True


class _Writer:
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
            self._fs.fsync(fd)
            with self._shard(self._key) as shard:
                try:
                    self._fs.link(self._beside, self._key, shard)
                except FileExistsError:
                    raise BlobExists(self._key) from None
                self._linked = True
                self._fs.unlink(self._beside)
                self._made = False
                # Until here the lock on the file has kept every sweep from it.
                self._fd = None
                self._fs.close(fd)
                self._fs.fsync(shard)
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
        while pieces:
            pieces = _rest(pieces, self._fs.write(self._fd, pieces))
        return self._fd


class _Reader:
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


def _device(path: Path) -> int:
    return path.lstat().st_dev


def open_filesystem(url: str) -> FilesystemBlobStore:
    """The store of `file:///absolute/directory` (percent-encoded)."""
    parts = urlsplit(url)
    if parts.netloc not in {"", "localhost"} or parts.query or parts.fragment or not parts.path:
        raise ValueError(f"not the URL of a local directory, file:///absolute/directory: {url!r}")
    return FilesystemBlobStore(Path(unquote(parts.path)))
