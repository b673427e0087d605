"""The mark of a store: one line in a file beside the blobs, that tells which database they belong to."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from coatcheck.blobs.filesystem.ops import FsOps

_NAME = "store-id"
_LONGEST = 1024


class Marking:
    """Its methods run in threads."""

    def __init__(self, fs: FsOps, root: Path, tmp: Path) -> None:
        self._fs = fs
        self._root = root
        self._tmp = tmp

    def marker(self) -> str | None:
        try:
            fd = self._fs.open(self._root / _NAME, os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            return self._fs.pread(fd, _LONGEST, 0).decode("ascii", "replace").strip()
        finally:
            self._fs.close(fd)

    def mark(self, marker: str, anew: bool) -> str:
        beside = self._tmp / f"{secrets.token_hex(16)}.{secrets.token_hex(8)}"
        fd = self._fs.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            self._fs.write(fd, [f"{marker}\n".encode("ascii")])
            self._fs.fsync(fd)
        finally:
            self._fs.close(fd)
        directory = self._fs.open(self._root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            if anew:
                with suppress(FileNotFoundError):
                    self._fs.unlink(_NAME, dir_fd=directory)
            with suppress(FileExistsError):
                self._fs.link(beside, _NAME, directory)
            self._fs.unlink(beside)
            self._fs.fsync(directory)
        finally:
            self._fs.close(directory)
        return self.marker() or ""
