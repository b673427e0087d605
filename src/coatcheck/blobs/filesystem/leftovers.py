"""Half-written files of writers that died: a writer that lives, in this process or another, holds a lock."""

from __future__ import annotations

import fcntl
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from coatcheck.blobs.filesystem.ops import FsOps

_LEFTOVER = re.compile(r"[0-9a-f]{32}\.[0-9a-f]{16}")


class Leftovers:
    """Its methods run in threads. `before` is in seconds since 1970, by the clock that stamps files."""

    def __init__(self, fs: FsOps, tmp: Path) -> None:
        self._fs = fs
        self._tmp = tmp

    def names(self, before: float) -> list[str]:
        found = []
        for leftover in self._old(before):
            with self._abandoned(leftover) as abandoned:
                if abandoned:
                    found.append(leftover.name)
        return sorted(found)

    def sweep(self, before: float) -> int:
        swept = 0
        failure: OSError | None = None
        for leftover in self._old(before):
            try:
                with self._abandoned(leftover) as abandoned:
                    if abandoned:
                        self._fs.unlink(leftover)
                        swept += 1
            except FileNotFoundError:  # another sweep was faster
                continue
            except OSError as error:  # one that cannot be removed does not shield the others
                failure = error
        if failure is not None:
            raise failure
        return swept

    def _old(self, before: float) -> Iterator[Path]:
        for leftover in list(self._tmp.iterdir()):
            if _LEFTOVER.fullmatch(leftover.name):
                try:
                    found = leftover.lstat()
                except FileNotFoundError:
                    continue
                if stat.S_ISREG(found.st_mode) and found.st_mtime <= before:
                    yield leftover

    @contextmanager
    def _abandoned(self, leftover: Path) -> Iterator[bool]:
        """Whether it is there and no writer has it; none can get it inside the block."""
        try:
            fd = self._fs.open(leftover, os.O_RDONLY)
        except FileNotFoundError:  # its writer, or another sweep, was faster
            yield False
            return
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            self._fs.close(fd)
