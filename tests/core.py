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

from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import AsyncEngine

from coatcheck import bootstrap
from coatcheck.blobs.base import BlobStore
from coatcheck.repositories.schema import stamp
from coatcheck.repositories.tables import metadata
from coatcheck.services.bundle import Services
from coatcheck.settings import Settings
from coatcheck.testing.clock import ManualClock


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


def lay_out(data_dir: Path) -> None:
    """A fresh database, unless there is one."""
    data_dir.mkdir(parents=True, exist_ok=True)
    database = data_dir / "coatcheck.db"
    if not database.exists():
        database.write_bytes(empty_database())


@asynccontextmanager
async def core(
    data_dir: Path,
    *,
    clock: ManualClock | None = None,
    wrap_blobs: Callable[[BlobStore], BlobStore] = lambda store: store,
    **settings: Any,
) -> AsyncIterator[Core]:
    """Fresh in an empty directory; on a used one, the same installation after a restart."""
    lay_out(data_dir)
    chosen = Settings(data_dir=data_dir, **settings)
    clock = clock or ManualClock()
    engines: list[AsyncEngine] = []

    def open_engine(url: str) -> AsyncEngine:
        engines.append(real_open_engine(url))
        return engines[-1]

    real_open_engine, real_open_store = bootstrap.open_engine, bootstrap.open_store
    with (
        mock.patch.object(bootstrap, "open_engine", open_engine),
        mock.patch.object(bootstrap, "open_store", lambda url: wrap_blobs(real_open_store(url))),
    ):
        opened = bootstrap.open_services(chosen, clock)
        services = await opened.__aenter__()
    try:
        yield Core(services, chosen, clock, engines[0])
    finally:
        await opened.__aexit__(None, None, None)
