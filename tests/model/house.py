"""The server of the model's tests: in process, asked by four users in two tenants, and thrown away at will."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx

from coatcheck.testing.clock import ManualClock
from coatcheck.web.dialects import DIALECTS
from tests.kit import Installation, installation
from tests.model.reference import User

USERS = [User(tenant, login) for tenant in ("acme", "other") for login in ("ann", "bob")]

ROOT = "/coatcheck/v1"


class House:
    def __init__(self, root: Path, quota: int) -> None:
        self._root = root
        self._quota = quota
        self._clients: dict[User, httpx.AsyncClient] = {}
        self._opened = AsyncExitStack()
        self._lives = 0
        self.clock = ManualClock()
        self.place: Installation

    async def open(self) -> None:
        keys = self.place.keys if self._lives else {}
        self.place = await self._opened.enter_async_context(
            installation(
                self._directory,
                clock=self.clock,
                dialects=tuple(DIALECTS),
                rate_limits="off",
                inline_max=600,
                quota_bytes=self._quota,
                min_rate=0,  # by the clock on the wall, which is not the model's
                first_byte_timeout=600,
            )
        )
        self.place.keys.update(keys)
        for user in USERS:
            client = await self._opened.enter_async_context(
                self.place.client(user.tenant, user.login)
            )
            client.headers["X-Org-ID"] = user.tenant
            self._clients[user] = client

    async def close(self) -> None:
        await self._opened.aclose()

    async def crash(self, user: User, data: bytes) -> None:
        """In the middle of an upload. What is on the disk at that moment is what there is from then on: another
        installation goes on with a copy of it, and whatever this one does afterwards has never been.
        """
        old, self._lives = self._directory, self._lives + 1
        middle = len(data) // 2

        async def body() -> AsyncIterator[bytes]:
            yield data[:middle]
            shutil.copytree(old, self._directory)
            yield data[middle:]

        headers = {"Content-Length": str(len(data))}
        await self.ask(user, "POST", f"{ROOT}/attachments", content=body(), headers=headers)
        if not self._directory.exists():  # it had no room, and read no body
            shutil.copytree(old, self._directory)
        await self.close()
        shutil.rmtree(old)
        await self.open()

    async def sweep(self) -> None:
        await self.place.services.reaping.sweep()

    async def ask(self, user: User, method: str, path: str, **more: Any) -> httpx.Response:
        return await self._clients[user].request(method, path, **more)

    def client(self, user: User) -> httpx.AsyncClient:
        return self._clients[user]

    def age_leftovers(self) -> None:
        """Half-written files are known by their age on the disk, which no clock of ours moves."""
        for path in (self._directory / "blobs" / "tmp").glob("*"):
            os.utime(path, (0, 0))

    @property
    def _directory(self) -> Path:
        return self._root / str(self._lives)
