"""Draining: when the server stops, the requests in hand may end, for a while; who is still sending then is told so."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from coatcheck.domain.errors import Unavailable


class Draining:
    """Whether the server is stopping, and which requests wait for more of their bodies."""

    def __init__(self) -> None:
        self.begun = False
        self._over = False
        self._waiting: set[asyncio.Task[object]] = set()

    def begin(self, patience: float) -> None:
        """From now on not ready; in `patience` seconds no request waits for its sender any longer."""
        if not self.begun:
            self.begun = True
            asyncio.get_running_loop().call_later(patience, self._end)

    def is_over(self) -> bool:
        return self._over

    def _end(self) -> None:
        self._over = True
        for task in self._waiting:
            task.cancel()

    async def wait_for(self, receive: Receive) -> Message:
        """The next message. Raises Unavailable when the time is over, which it may be in the middle."""
        if self.is_over():
            raise _stopping()
        task = asyncio.current_task()
        if task is None:
            return await receive()
        self._waiting.add(task)
        try:
            return await receive()
        except asyncio.CancelledError:
            # Ours, unless somebody else cancelled the task as well.
            if self.is_over() and not task.uncancel():
                raise _stopping() from None
            raise
        finally:
            self._waiting.discard(task)


class Drains:
    """Around the app: its requests end when `draining` is over, those that do not yet answer with Unavailable."""

    def __init__(self, app: ASGIApp, draining: Draining) -> None:
        self._app = app
        self._draining = draining

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answering = False

        async def drained_receive() -> Message:
            try:
                return await self._draining.wait_for(receive)
            except Unavailable:
                if answering:
                    return {"type": "http.disconnect"}
                raise

        async def noted_send(message: Message) -> None:
            nonlocal answering
            answering = True
            await send(message)

        await self._app(scope, drained_receive, noted_send)


def _stopping() -> Unavailable:
    return Unavailable("The server is stopping.", retry_after=5)
