"""Undoing uploads of peers that keep plain files."""

from __future__ import annotations

import shutil
from pathlib import Path

from bench.peers.peer import Answer


def empty(directory: Path, _: Answer) -> None:
    for entry in directory.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()
