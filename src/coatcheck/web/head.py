"""HEAD (RFC 9110 §9.3.2) on routes that FastAPI makes for GET alone."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from coatcheck.web.routing import Route, Router


class _Bodiless(Route):
    """Sends the head of the answer, and nothing of its body."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def head(request: Request) -> Response:
            return _HeadOf(await answer(request))

        return head


class _HeadOf(Response):
    def __init__(self, whole: Response) -> None:
        super().__init__(status_code=whole.status_code)
        self._whole = whole

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._whole(scope, receive, send_head)


def answer_head(router: Router) -> None:
    """Let each endpoint for GET answer HEAD as well: the same status and fields, no body.

    To be called when all are there. An endpoint's answer has to be told by its return type.
    """
    for each in [*router.declared]:
        if each.method == "GET":
            router.add(
                each.path,
                "HEAD",
                each.endpoint,
                include_in_schema=False,
                route_class_override=_Bodiless,
            )
