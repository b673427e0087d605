"""What tests share: an installation of their own, its app, and keys to it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from coatcheck.bootstrap import wire_config
from coatcheck.services.bundle import Services
from coatcheck.settings import Settings
from coatcheck.testing.clock import ManualClock
from coatcheck.web.app import build_app
from coatcheck.web.config import WireConfig
from tests.core import core
from tests.engines import choice

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
        """Every file of the blob store, finished or not; of one in S3, every key."""
        if (stored := choice.stored(self.settings.data_dir)) is not None:
            return [Path(key) for key in stored]
        return [path for path in (self.settings.data_dir / "blobs").rglob("*") if path.is_file()]


# Building an app takes as long as a whole test: one that nobody uses any more is used again. What it is built of are
# these two settings; all others it looks up when it is asked.
_idle: dict[tuple[tuple[str, ...], tuple[str, ...]], list[FastAPI]] = defaultdict(list)


@asynccontextmanager
async def _app(config: WireConfig, services: Services) -> AsyncIterator[FastAPI]:
    idle = _idle[config.dialects, config.cors_origins]
    app = idle.pop() if idle else build_app(config, _no_lifespan)
    known = dict(app.state._state)
    app.state.config = config
    app.state.services = services
    yield app
    app.state._state.clear()  # what an app remembers of requests
    app.state._state.update(known)
    idle.append(app)


@asynccontextmanager
async def _no_lifespan(_app: FastAPI) -> AsyncIterator[None]:
    yield


@asynccontextmanager
async def installation(data_dir: Path, **settings: Any) -> AsyncIterator[Installation]:
    """Fresh in an empty directory; on a used one, the same installation after a restart. No reaper runs in it."""
    async with (
        core(data_dir, **settings) as place,
        _app(wire_config(place.settings), place.services) as app,
    ):
        yield Installation(app, place.services, place.settings, place.clock, place.keys)
