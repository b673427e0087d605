"""Requests piece by piece, as a server hands them to the app: to see what is read of a body, and when."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from starlette.types import Message

from tests.kit import Installation


@dataclass
class Answer:
    """`taken` is how many pieces of the body were asked for."""

    status: int
    body: bytes
    taken: int

    def json(self) -> Any:
        return json.loads(self.body)


async def raw(
    house: Installation,
    method: str,
    path: str,
    pieces: Iterable[bytes],
    headers: dict[str, str],
    *,
    query: str = "",
    hang_up: bool = False,
) -> Answer:
    """One request as a server hands it over; with `hang_up` the sender is gone after the last piece."""
    waiting = list(pieces)
    answer = Answer(0, b"", 0)

    async def receive() -> Message:
        if answer.taken < len(waiting):
            answer.taken += 1
            more = hang_up or answer.taken < len(waiting)
            return {
                "type": "http.request",
                "body": waiting[answer.taken - 1],
                "more_body": more,
            }
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
        elif message["type"] == "http.response.body":
            answer.body += message.get("body", b"")

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("coatcheck.test", 80),
    }
    await house.app(scope, receive, send)
    return answer
