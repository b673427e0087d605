"""The system calls that the store is made of, so that a test can record or break each."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Sequence
from pathlib import Path

#: Of sync_file_range(2): begin to write what is not being written yet, and do not wait for it.
_BEGIN = 2


def _sync_file_range() -> Callable[[int, int, int, int], int] | None:
    """Linux's; None elsewhere."""
    try:
        function = ctypes.CDLL(None).sync_file_range
    except (AttributeError, OSError):
        return None
    function.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
    return function


_begin_writing = _sync_file_range()


class FsOps:
    """The system calls whose order decides what a crash leaves behind; a test records or breaks them."""

    def mkdir(self, path: Path) -> None:
        path.mkdir(mode=0o700)
        path.chmod(0o700)  # whatever the umask took away

    def open(self, path: str | Path, flags: int, dir_fd: int | None = None) -> int:
        return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=dir_fd)

    def write(self, fd: int, pieces: Sequence[bytes]) -> int:
        return os.writev(fd, pieces)

    def begin_writing(self, fd: int, start: int, size: int) -> None:
        """Let the disk begin with these bytes: a hint that promises nothing, and shortens the fsync at the end."""
        if _begin_writing is not None:
            _begin_writing(fd, start, size, _BEGIN)

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
