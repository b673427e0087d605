"""The store: what is done off the event loop, in which order, and what of it can fail."""

from __future__ import annotations

import asyncio
import os
import re
import stat
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ParamSpec, TypeVar

from coatcheck.blobs.base import BlobKey, BlobMissing, checked
from coatcheck.blobs.filesystem.failures import in_our_words
from coatcheck.blobs.filesystem.files import Reader, Writer
from coatcheck.blobs.filesystem.leftovers import Leftovers
from coatcheck.blobs.filesystem.marking import Marking
from coatcheck.blobs.filesystem.ops import FsOps
from coatcheck.faultpoints import carried, reach_in_thread

P = ParamSpec("P")
T = TypeVar("T")

#: Bytes that travel to a thread together: below, the hops cost more than the writing.
BATCH = 1024 * 1024
#: Pieces that travel together, however small: well below IOV_MAX, and bounds what tiny pieces cost.
BATCH_PIECES = 256
#: Enough for syncs that wait for the disk to wait together: a journal commits them as one.
THREADS = 16
_SHARD = re.compile(r"[0-9a-f]{2}")


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
        self._leftovers = Leftovers(self._fs, self._tmp)
        self._marking = Marking(self._fs, self._root, self._tmp)

    async def put(self, key: BlobKey, data: AsyncIterable[bytes]) -> int:
        writer = Writer(self._fs, self._tmp, checked(key), self._shard_for_writing)
        stored = 0
        batch: list[bytes] = []
        held = 0
        writing: Future[None] | None = None
        try:
            async for piece in data:
                if piece:
                    # A copy, unless it is bytes already: a thread reads it while the caller goes on.
                    batch.append(bytes(piece))
                    held += len(piece)
                    stored += len(piece)
                # An empty piece asks for what there is to be written now.
                if batch and (not piece or held >= BATCH or len(batch) >= BATCH_PIECES):
                    if writing is not None:
                        await self._end_of(writing)
                    writing = self._threads.submit(carried(writer.write), batch)
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
        reader = Reader(self._fs, self._opened, checked(key), start, stop)
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

    async def delete_many(self, keys: Iterable[BlobKey]) -> dict[BlobKey, Exception]:
        """What each that could not be removed failed of; one sync for all that share a directory."""
        shards: dict[str, list[BlobKey]] = {}
        for key in keys:
            shards.setdefault(checked(key)[:2], []).append(key)
        removed = await asyncio.gather(
            *(self._in_thread(self._delete_in, shard, some) for shard, some in shards.items())
        )
        return {key: failure for failed in removed for key, failure in failed.items()}

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
        return await self._in_thread(self._leftovers.sweep, self._wall() - older_than)

    async def leftovers(self, older_than: float) -> list[str]:
        """The names of what such writers left behind."""
        return await self._in_thread(self._leftovers.names, self._wall() - older_than)

    async def marker(self) -> str | None:
        """Which database the store belongs to; None for a new one."""
        return await self._in_thread(self._marking.marker)

    async def mark(self, marker: str, *, anew: bool = False) -> str:
        """The mark that is there afterwards; `anew` replaces one that was there."""
        return await self._in_thread(self._marking.mark, marker, anew)

    async def set_aside(self, key: BlobKey) -> str:
        """The blob lies in `lost+found` afterwards, and is none of the store's. Raises BlobMissing."""
        return str(await self._in_thread(self._set_aside, checked(key)))

    # What follows runs in threads, except the next two.

    async def _in_thread(
        self, operation: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return await self._end_of(self._threads.submit(carried(operation), *args, **kwargs))

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
            raise in_our_words(failure) from failure
        return ending.result()

    def _lay_out(self, root: Path) -> None:
        if not root.is_absolute():
            raise ValueError(f"the blob directory must be absolute: {root}")
        root = root.resolve()
        if root == Path(root.anchor):
            raise ValueError("the blob directory cannot be the root of the file system")
        self._root = root
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
            reach_in_thread("R3")
            # Also when it was gone: the one who removed it may have died before this.
            self._fs.fsync(shard)
            reach_in_thread("R4")

    def _delete_in(self, shard: str, keys: list[BlobKey]) -> dict[BlobKey, Exception]:
        """What each failed of. All did where the directory could not be opened or synced."""
        failed: dict[BlobKey, Exception] = {}
        try:
            with suppress(FileNotFoundError), self._directory(self._blobs / shard) as fd:
                for key in keys:
                    try:
                        with suppress(FileNotFoundError):
                            self._fs.unlink(key, dir_fd=fd)
                        reach_in_thread("R3")
                    except OSError as error:
                        failed[key] = in_our_words(error)
                self._fs.fsync(fd)
                reach_in_thread("R4")
        except OSError as error:
            return dict.fromkeys(keys, in_our_words(error))
        return failed

    def _set_aside(self, key: BlobKey) -> Path:
        directory = self._root / "lost+found"
        with suppress(FileExistsError):
            self._fs.mkdir(directory)
            self._sync(self._root)
        place = directory / key
        try:
            with self._directory(directory) as found:
                with suppress(FileExistsError):  # a crash came before the second half
                    self._fs.link(self.path(key), key, found)
                self._fs.fsync(found)
        except FileNotFoundError:
            raise BlobMissing(key) from None
        self._delete(key)
        return place

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


def _device(path: Path) -> int:
    return path.lstat().st_dev
