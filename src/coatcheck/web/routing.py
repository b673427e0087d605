"""Routes that are declared to the framework, and answered without its ceremony where nothing of it is needed."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from coatcheck.web.plan import PLAN, Plan


class Route(APIRoute):
    """Follows the plan that the switchboard found with it; without one, the framework does what it does."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        ordinary = super().get_route_handler()

        async def answer(request: Request) -> Response:
            plan: Plan | None = request.scope.get(PLAN)
            return await (ordinary(request) if plan is None else plan(request))

        return answer


class Router(APIRouter):
    """An APIRouter of such routes."""

    def __init__(self, *, route_class: type[Route] = Route, **options: Any) -> None:
        super().__init__(route_class=route_class, **options)
