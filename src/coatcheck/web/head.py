"""HEAD (RFC 9110 §9.3.2) on routes that FastAPI makes for GET alone."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from coatcheck.web.routing import Route, Router


class _WithHead(Route):
    """To HEAD it sends the head of the answer, and nothing of its body."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        whole = super().get_route_handler()

        async def answer(request: Request) -> Response:
            response = await whole(request)
            return _HeadOf(response) if request.method == "HEAD" else response

        return answer


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

    To be called when all are there. In the documentation HEAD is not told of.
    """
    router.declared[:] = [
        replace(each, also=("HEAD",), options={**each.options, "route_class_override": _WithHead})
        if each.method == "GET"
        else each
        for each in router.declared
    ]
