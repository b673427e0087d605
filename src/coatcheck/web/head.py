"""HEAD (RFC 9110 §9.3.2) on routes that FastAPI makes for GET alone."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.types import Message, Receive, Scope, Send


class _Bodiless(APIRoute):
    """Sends the head of the answer, and nothing of its body."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await super().handle(scope, receive, send_head)


def answer_head(router: APIRouter) -> None:
    """Let each GET route of the router answer HEAD as well: the same status and fields, no body.

    To be called when all routes are there. A route's answer has to be told by its endpoint's return type.
    """
    for route in list(router.routes):
        if isinstance(route, APIRoute) and "GET" in (route.methods or ()):
            router.add_api_route(
                route.path,
                route.endpoint,
                methods=["HEAD"],
                include_in_schema=False,
                route_class_override=_Bodiless,
            )
