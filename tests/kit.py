"""What tests share: an installation of their own, its app, and keys to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from coatcheck.bootstrap import create_app
from coatcheck.repositories.engine import open_engine
from coatcheck.repositories.schema import revision, stamp
from coatcheck.repositories.tables import metadata
from coatcheck.services.bundle import Services
from coatcheck.settings import Settings
from coatcheck.testing.clock import ManualClock

BASE = "http://coatcheck.test"


@dataclass
class Installation:
    """A running app over its own database and blobs, with a clock that only the test moves."""

    app: FastAPI
    services: Services
    settings: Settings
    clock: ManualClock
    keys: dict[tuple[str, str], str] = field(default_factory=dict)

    async def key(self, tenant: str = "acme", login: str = "ann") -> str:
        """A key of that principal, the same each time."""
        if (tenant, login) not in self.keys:
            self.keys[tenant, login] = await self.services.keys.create(tenant=tenant, login=login)
        return self.keys[tenant, login]

    @asynccontextmanager
    async def client(
        self, tenant: str = "acme", login: str = "ann"
    ) -> AsyncIterator[httpx.AsyncClient]:
        """Speaks to the app as that principal (Bearer)."""
        headers = {"Authorization": f"Bearer {await self.key(tenant, login)}"}
        async with self.anonymous(headers=headers) as client:
            yield client

    def anonymous(self, **options: Any) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url=BASE, **options)

    def blobs(self) -> list[Path]:
        """Every file of the blob store, finished or not."""
        return [path for path in (self.settings.data_dir / "blobs").rglob("*") if path.is_file()]


@asynccontextmanager
async def installation(data_dir: Path, **settings: Any) -> AsyncIterator[Installation]:
    """Fresh in an empty directory; on a used one, the same installation after a restart."""
    chosen = Settings(data_dir=data_dir, reap_every=10**6, **settings)
    engine = open_engine(chosen.effective_database_url)
    async with engine.begin() as connection:
        if await revision(connection) is None:
            await connection.run_sync(metadata.create_all)
            await connection.run_sync(stamp)
    await engine.dispose()
    clock = ManualClock()
    app = create_app(chosen, clock)
    async with app.router.lifespan_context(app):
        yield Installation(app, app.state.services, chosen, clock)
