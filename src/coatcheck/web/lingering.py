"""An answer before the end of the request's body: what is still sent is read for a while, and thrown away.

Who is refused early goes on sending. Closed at once, the connection would be reset, and most clients then tell of that
instead of the answer (RFC 9112 §9.6).
"""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from coatcheck.domain.errors import Unavailable
from coatcheck.web.draining import Draining
from coatcheck.web.streaming import announced

#: Of a body that nobody wants: bytes and seconds after its answer, and seconds without a byte. Then it is the server's
#: to close the connection.
BYTES = 1024 * 1024
SECONDS = 5.0
PAUSE = 1.0


class Lingers:
    """Around the app: its early answers are sent at once, and end when the body has, or at the first of these limits.

    Not where the sender waits to be asked for the body (`Expect`, RFC 9110 §10.1.1) or has been waited for (408), nor
    longer than the server's requests may last when it stops.
    """

    def __init__(self, app: ASGIApp, draining: Draining) -> None:
        self._app = app
        self._draining = draining

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope) if scope["type"] == "http" else None
        if headers is None or not announced(headers):
            await self._app(scope, receive, send)
            return
        coming = "expect" not in headers  # or whether the app has asked for it
        last: Message | None = None

        async def noted_receive() -> Message:
            nonlocal coming
            message = await receive()
            coming = message.get("more_body", False)
            return message

        async def held_send(message: Message) -> None:
            nonlocal coming, last
            if message.get("status") == 408:
                coming = False
            if coming and _is_last(message):
                message, last = _parted(message)
            await send(message)

        await self._app(scope, noted_receive, held_send)
        if last:
            await self._discard(receive)
            await send(last)

    async def _discard(self, receive: Receive) -> None:
        left, now = BYTES, asyncio.get_running_loop().time
        end = now() + SECONDS
        try:
            while left > 0:
                async with asyncio.timeout_at(min(end, now() + PAUSE)):
                    message = await self._draining.wait_for(receive)
                if not message.get("more_body", False):
                    return
                left -= len(message.get("body", b""))
        except (TimeoutError, Unavailable):
            return


def _is_last(message: Message) -> bool:
    return message["type"] == "http.response.body" and not message.get("more_body", False)


def _parted(message: Message) -> tuple[Message, Message]:
    """All but the last byte of the answer, and that: Granian hears no more of a request whose answer it has whole."""
    body = message.get("body", b"")
    return {**message, "body": body[:-1], "more_body": True}, {**message, "body": body[-1:]}
