"""System calls of the file store, recorded, and broken on demand."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from coatcheck.blobs.filesystem import FsOps


@dataclass(frozen=True)
class Op:
    """One system call: which, on which file or directory, and what it was given."""

    name: str
    path: Path
    data: bytes = b""
    source: Path | None = None

    def __str__(self) -> str:
        return f"{self.name} {self.path}"


@dataclass
class RecordingFs(FsOps):
    """Notes every call, then lets `hook` raise in its place. A close that fails has closed."""

    hook: Callable[[Op], None] = lambda _op: None
    ops: list[Op] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._paths: dict[int, Path] = {}
        self._lock = Lock()

    def mkdir(self, path: Path) -> None:
        self._note(Op("mkdir", path))
        super().mkdir(path)

    def open(self, path: str | Path, flags: int, dir_fd: int | None = None) -> int:
        where = self._path(path, dir_fd)
        self._note(Op("create" if flags & os.O_CREAT else "open", where))
        fd = super().open(path, flags, dir_fd)
        self._paths[fd] = where
        return fd

    def write(self, fd: int, pieces: Sequence[bytes]) -> int:
        self._note(Op("write", self._paths[fd], data=b"".join(pieces)))
        return super().write(fd, pieces)

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        self._note(Op("pread", self._paths[fd]))
        return super().pread(fd, size, offset)

    def fsync(self, fd: int) -> None:
        self._note(Op("fsync", self._paths[fd]))
        super().fsync(fd)

    def link(self, source: Path, name: str, dst_dir_fd: int) -> None:
        self._note(Op("link", self._paths[dst_dir_fd] / name, source=source))
        super().link(source, name, dst_dir_fd)

    def unlink(self, path: str | Path, dir_fd: int | None = None) -> None:
        self._note(Op("unlink", self._path(path, dir_fd)))
        super().unlink(path, dir_fd)

    def close(self, fd: int) -> None:
        path = self._paths.pop(fd)
        super().close(fd)
        self._note(Op("close", path))

    def _path(self, path: str | Path, dir_fd: int | None) -> Path:
        return Path(path) if dir_fd is None else self._paths[dir_fd] / path

    def _note(self, op: Op) -> None:
        with self._lock:
            self.ops.append(op)
        self.hook(op)
