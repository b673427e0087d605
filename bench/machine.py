"""Where and what was measured: the machine by its cores and memory, versions, the commit."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sqlite3
import subprocess
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

import psutil

from bench.peers import tus
from bench.scale import GIB
from coatcheck.repositories.sqlite_driver import sqlite

_PACKAGES = ("coatcheck", "granian", "uvicorn", "fastapi", "sqlalchemy", "aiosqlite", "aiofiles")

#: Programs, and how each is asked for its version.
_PROGRAMS = {"nginx": "-v", "node": "--version", "wrk": "--version", "curl": "--version"}


def machine() -> dict[str, int]:
    return {
        "cores": os.cpu_count() or 0,
        "memory_gib": round(psutil.virtual_memory().total / GIB),
    }


def sync_ms(directory: Path) -> float:
    """What a commit cannot do without: four KiB appended to a file there, and synced; the median of fifty."""
    took = []
    with tempfile.TemporaryFile(dir=directory) as file:
        for _ in range(50):
            began = time.perf_counter()
            os.write(file.fileno(), b"x" * 4096)
            os.fdatasync(file.fileno())
            took.append((time.perf_counter() - began) * 1000)
    return round(median(took), 2)


def versions(cache: Path) -> dict[str, str]:
    # The app that commits in each request has Python's own.
    found = {
        "python": platform.python_version(),
        "sqlite": sqlite.sqlite_version,
        "sqlite of Python": sqlite3.sqlite_version,
    }
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    for name, option in _PROGRAMS.items():
        if said := _said([shutil.which(name) or f"/usr/sbin/{name}", option]):
            number = re.search(r"\d+\.\d+[.\d]*", said)
            found[name] = number[0] if number else "?"
    return found | tus.versions(cache)


def commit(root: Path) -> str:
    """Of the checkout, with a + where there were changes beside it."""
    head = _said(["git", "-C", str(root), "rev-parse", "--short", "HEAD"]).strip()
    source = ["src", "pyproject.toml", "constraints.txt"]
    changed = _said(["git", "-C", str(root), "status", "--porcelain", "--", *source])
    return f"{head or 'unknown'}{'+' if changed else ''}"


def _said(command: list[str]) -> str:
    try:
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    except OSError:
        return ""
    # wrk has no way to be asked for its version that it would not call a failure; nginx tells it on stderr.
    return ran.stdout + ran.stderr
