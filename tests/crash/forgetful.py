"""Servers that leave out one of the syncs on which a promise rests, for the tests that have to miss it.

with zygote("tests.crash.forgetful", "file") as start: ...
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from unittest import mock

from tests.crash import zygote


def _forget_fsync_where(forgotten: Callable[[int], bool]) -> None:
    from coatcheck.blobs.filesystem import FsOps

    def fsync(_self: FsOps, fd: int) -> None:
        if not forgotten(os.fstat(fd).st_mode):
            os.fsync(fd)

    mock.patch.object(FsOps, "fsync", fsync).start()


def _files() -> None:
    _forget_fsync_where(stat.S_ISREG)


def _directories() -> None:
    _forget_fsync_where(stat.S_ISDIR)


def _commits() -> None:
    from coatcheck.repositories import engine

    mock.patch.object(engine, "journal_settings", return_value=("wal", "normal")).start()
    engine._SYNCHRONOUS["normal"] = 1


SYNCS = {"file": _files, "directory": _directories, "commit": _commits}


if __name__ == "__main__":
    SYNCS[sys.argv[1]]()
    zygote.main()
