"""The server with a pulse: how late its event loop is, looked at every ten milliseconds and told at /-/heartbeat."""

from __future__ import annotations

import asyncio
import json
import time

from starlette.types import ASGIApp, Receive, Scope, Send

from coatcheck.asgi import create_app as _create_app

_EVERY = 0.01


class Heartbeat:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._late: list[float] = []
        self._task: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._beat())
        if scope["type"] == "http" and scope["path"] == "/-/heartbeat":
            late, self._late = sorted(self._late), []
            body = json.dumps({"beats": len(late), "most": late[-1], "p999": _part(late, 0.999)})
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": body.encode()})
            return
        await self._app(scope, receive, send)

    async def _beat(self) -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(_EVERY)
            self._late.append(1000 * (time.perf_counter() - began - _EVERY))


def _part(late: list[float], part: float) -> float:
    return late[min(len(late) - 1, int(len(late) * part))]


def create_app() -> Heartbeat:
    return Heartbeat(_create_app())
