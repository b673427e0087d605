"""Each request seen from outside: one line in the access log, and its numbers for metrics. Never a header or a query.

The id in the line is in the answer too.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from coatcheck.faultpoints import reach
from coatcheck.logs import REQUEST_ID
from coatcheck.services.ports import Meter
from coatcheck.web.switchboard import ROUTE

log = logging.getLogger("coatcheck.access")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class AccessLog:
    """Logs method, path, status, bytes both ways and duration; `dialect_of` names who serves a path."""

    def __init__(self, app: ASGIApp, dialect_of: Callable[[str], str | None]) -> None:
        self._app = app
        self._dialect_of = dialect_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        REQUEST_ID.set(request_id)
        dialect = self._dialect_of(scope["path"])
        meter = _meter_of(scope)
        if meter:
            meter.began()
        counts = {"status": 0, "received": 0, "sent": 0}
        head = MutableHeaders()
        began = time.perf_counter()

        async def counted_receive() -> Message:
            message = await receive()
            counts["received"] += len(message.get("body", b""))
            return message

        async def counted_send(message: Message) -> None:
            nonlocal head
            if message["type"] == "http.response.start":
                counts["status"] = message["status"]
                head = MutableHeaders(scope=message)
                head["X-Request-ID"] = request_id
            elif message["type"] == "http.response.body":
                counts["sent"] += len(message.get("body", b""))
            elif message["type"] == "http.response.pathsend":
                counts["sent"] += int(head.get("content-length", "0"))
            await send(message)
            if message["type"] == "http.response.start" and scope["method"] == "POST":
                await reach("U10")

        try:
            await self._app(scope, counted_receive, counted_send)
        finally:
            seconds = time.perf_counter() - began
            if meter:
                meter.answered(
                    dialect,
                    scope.get(ROUTE),
                    counts["status"],
                    seconds,
                    counts["received"],
                    counts["sent"],
                )
            # A capability in a path is a secret; what stands before it is enough.
            path = scope["path"] if not scope["path"].startswith("/f/") else "/f/…"
            log.info(
                "request",
                extra={
                    "fields": {
                        "request_id": request_id,
                        "dialect": dialect,
                        "method": scope["method"],
                        "path": path[:500],
                        **counts,
                        "ms": round(seconds * 1000, 1),
                    }
                },
            )


def _meter_of(scope: Scope) -> Meter | None:
    """None where nothing is counted, or nothing is served yet."""
    services = getattr(scope["app"].state, "services", None)
    meter: Meter | None = services and services.meter
    return meter
