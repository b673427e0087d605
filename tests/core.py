"""An installation without its web: the use cases over their own database and blobs, with a clock that stands still."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from unittest import mock
from urllib.parse import unquote, urlsplit

from sqlalchemy import create_engine, event
from sqlalchemy.ext.asyncio import AsyncEngine

from coatcheck import bootstrap
from coatcheck.blobs import open_store as real_open_store
from coatcheck.blobs.base import BlobStore, Remote
from coatcheck.blobs.filesystem import FilesystemBlobStore, FsOps
from coatcheck.repositories.engine import open_engine as real_open_engine
from coatcheck.repositories.schema import stamp
from coatcheck.repositories.tables import metadata
from coatcheck.services.bundle import Services
from coatcheck.settings import Settings
from coatcheck.testing.clock import ManualClock
from tests.engines import choice


class Place(Protocol):
    """What deeds and books need of an installation."""

    services: Services
    settings: Settings
    clock: ManualClock

    async def key(self, tenant: str = "acme", login: str = "ann") -> str: ...


@dataclass
class Core:
    services: Services
    settings: Settings
    clock: ManualClock
    engine: AsyncEngine
    keys: dict[tuple[str, str], str] = field(default_factory=dict)

    async def key(self, tenant: str = "acme", login: str = "ann") -> str:
        """A key of that principal, the same each time."""
        if (tenant, login) not in self.keys:
            self.keys[tenant, login] = await self.services.keys.create(tenant=tenant, login=login)
        return self.keys[tenant, login]


@functools.cache
def empty_database() -> bytes:
    """The file of a database that has its tables and nothing in them."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "empty.db"
        engine = create_engine(f"sqlite:///{path}")
        with engine.begin() as connection:
            metadata.create_all(connection)
            stamp(connection)
        engine.dispose()
        return path.read_bytes()


def lay_out(data_dir: Path) -> dict[str, str]:
    """A fresh database, unless there is one; the settings that lead to it, where it is not in the directory."""
    data_dir.mkdir(parents=True, exist_ok=True)
    database = data_dir / "coatcheck.db"
    if choice.chosen == "sqlite" and not database.exists():
        database.write_bytes(empty_database())
    return choice.places(data_dir)


def _do_not_wait_for_the_disk(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous = OFF")
    cursor.close()


class _Unsynced(FsOps):
    def fsync(self, fd: int) -> None:
        pass


@asynccontextmanager
async def core(
    data_dir: Path,
    *,
    clock: ManualClock | None = None,
    wrap_blobs: Callable[[BlobStore], BlobStore] = lambda store: store,
    durable: bool = False,
    **settings: Any,
) -> AsyncIterator[Core]:
    """Fresh in an empty directory; on a used one, the same installation after a restart.

    In the database and the store that `pytest --engines` chose, unless the settings name others. Unless `durable`,
    nothing is synced: where nobody cuts the power, the disk's speed proves nothing.
    """
    chosen = Settings(data_dir=data_dir, **(lay_out(data_dir) | settings))
    clock = clock or ManualClock()
    engines: list[AsyncEngine] = []
    stores: list[BlobStore] = []

    def open_engine(url: str, **options: Any) -> AsyncEngine:
        engine = real_open_engine(url, **options)
        if not durable and engine.dialect.name == "sqlite":
            event.listen(engine.sync_engine, "connect", _do_not_wait_for_the_disk)
        engines.append(engine)
        return engine

    def open_store(url: str) -> BlobStore:
        if durable or not url.startswith("file:"):
            stores.append(real_open_store(url))
            return wrap_blobs(stores[-1])
        return wrap_blobs(FilesystemBlobStore(Path(unquote(urlsplit(url).path)), fs=_Unsynced()))

    with (
        mock.patch.object(bootstrap, "open_engine", open_engine),
        mock.patch.object(bootstrap, "open_store", open_store),
    ):
        opened = bootstrap.open_services(chosen, clock)
        services = await opened.__aenter__()
    try:
        yield Core(services, chosen, clock, engines[0])
    finally:
        await opened.__aexit__(None, None, None)
        for store in stores:  # what wraps one may not pass on that it is to be closed
            if isinstance(store, Remote):
                await store.close()
