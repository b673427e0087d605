"""Which database and which store this run's installations have: `pytest --engines sqlite|postgres|postgres+s3`."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from coatcheck.blobs import open_store
from coatcheck.blobs.base import BlobKey, Remote
from tests.engines import postgres, seaweed

CHOICES = ("sqlite", "postgres", "postgres+s3")

#: Set once, from the command line.
chosen = "sqlite"

#: Files in a data directory that say where the rest of the installation is.
_DATABASE, _BLOBS = "database.url", "blobs.url"


def places(data_dir: Path) -> dict[str, str]:
    """The settings of where facts and bytes are; on a used directory, the same as before. Empty: all in it."""
    found: dict[str, str] = {}
    if chosen != "sqlite":
        postgres.required()
        found["database_url"] = _kept(data_dir / _DATABASE) or postgres.fresh_database()
        (data_dir / _DATABASE).write_text(found["database_url"])
    if chosen.endswith("s3"):
        found["blobs_url"] = _kept(data_dir / _BLOBS) or seaweed.s3_url(data_dir.name)
        (data_dir / _BLOBS).write_text(found["blobs_url"])
    return found


def places_of(data_dir: Path) -> dict[str, Any]:
    """The same, of a directory that is used already, whoever asks: also another process."""
    named = {"database_url": _kept(data_dir / _DATABASE), "blobs_url": _kept(data_dir / _BLOBS)}
    return {name: url for name, url in named.items() if url}


def stored(data_dir: Path) -> dict[BlobKey, bytes] | None:
    """All blobs of an installation that keeps them in S3; None where they are files."""
    url = places_of(data_dir).get("blobs_url")
    if not url:
        return None

    async def fetched() -> dict[BlobKey, bytes]:
        store = open_store(url)
        try:
            keys = [key async for key in store.keys()]  # noqa: SIM118 - no dict
            return {key: b"".join([piece async for piece in store.read(key)]) for key in keys}
        finally:
            if isinstance(store, Remote):
                await store.close()

    # In a thread, since the test may be in a loop of its own.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(fetched())).result()


def _kept(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def belongs(item: pytest.Item) -> bool:
    """Whether a test has something to say about the chosen engine."""
    if chosen != "sqlite" and item.get_closest_marker("sqlite"):
        return False
    return not (chosen.endswith("s3") and item.get_closest_marker("folder"))
