"""Endpoints as they are declared, and the routes that become of them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

from fastapi import APIRouter, params
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from coatcheck.web.plan import PLAN, Plan

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


class Route(APIRoute):
    """Declared to the framework, and answered without its ceremony where nothing of it is needed.

    It follows the plan that the switchboard found with it; without one, the framework does what it does.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        ordinary = super().get_route_handler()

        async def answer(request: Request) -> Response:
            plan: Plan | None = request.scope.get(PLAN)
            return await (ordinary(request) if plan is None else plan(request))

        return answer


@dataclass(frozen=True, slots=True)
class Declaration:
    """An endpoint and where it answers; `options` are those of FastAPI's `add_api_route`.

    `also` are methods that readers are not told of.
    """

    path: str
    method: str
    endpoint: Callable[..., Any]
    options: dict[str, Any]
    also: tuple[str, ...] = ()


class Router:
    """To those who declare endpoints what FastAPI's router is. The routes are made at the end, each where it lies then.

    FastAPI makes a route where it is declared and another where it is included. Each takes milliseconds of a start, and
    there are hundreds.
    """

    def __init__(
        self,
        *,
        tags: Sequence[str] = (),
        dependencies: Sequence[params.Depends] = (),
        route_class: type[Route] = Route,
        **defaults: Any,
    ) -> None:
        """`defaults` are options of all that is declared here and does not have its own."""
        self._shared: dict[str, list[Any]] = {"tags": [*tags], "dependencies": [*dependencies]}
        self._defaults = {"route_class_override": route_class, **defaults}
        self.declared: list[Declaration] = []

    def add(
        self,
        path: str,
        method: str,
        endpoint: Callable[..., Any],
        *,
        also: tuple[str, ...] = (),
        **options: Any,
    ) -> None:
        """See `Declaration`."""
        together = {name: [*ours, *options.get(name, ())] for name, ours in self._shared.items()}
        options = {**self._defaults, **options, **together}
        self.declared.append(Declaration(path, method, endpoint, options, also))

    def include(
        self,
        part: Router,
        *,
        prefix: str = "",
        tags: Sequence[str] = (),
        dependencies: Sequence[params.Depends] = (),
    ) -> None:
        """All that is declared there by now, here and under the prefix."""
        for each in part.declared:
            options = {
                **each.options,
                "tags": [*tags, *each.options["tags"]],
                "dependencies": [*dependencies, *each.options["dependencies"]],
            }
            self.add(prefix + each.path, each.method, each.endpoint, also=each.also, **options)

    @cached_property
    def routes(self) -> list[BaseRoute]:
        """Of all that is declared when they are asked for, made once: each app of a process has the same.

        They do not tell what their answers look like. To make the models' descriptions takes as long as all the rest.
        """
        return _made(
            replace(each, options={**each.options, "responses": None}) for each in self.declared
        )

    def documented(self) -> list[BaseRoute]:
        """Of what readers are told about, with all that they are told."""
        told = (each for each in self.declared if each.options.get("include_in_schema", True))
        return _made(replace(each, also=()) for each in told)

    def get(self, path: str, **options: Any) -> Callable[[Endpoint], Endpoint]:
        return self._declares("GET", path, options)

    def post(self, path: str, **options: Any) -> Callable[[Endpoint], Endpoint]:
        return self._declares("POST", path, options)

    def put(self, path: str, **options: Any) -> Callable[[Endpoint], Endpoint]:
        return self._declares("PUT", path, options)

    def patch(self, path: str, **options: Any) -> Callable[[Endpoint], Endpoint]:
        return self._declares("PATCH", path, options)

    def delete(self, path: str, **options: Any) -> Callable[[Endpoint], Endpoint]:
        return self._declares("DELETE", path, options)

    def _declares(
        self, method: str, path: str, options: dict[str, Any]
    ) -> Callable[[Endpoint], Endpoint]:
        def declare(endpoint: Endpoint) -> Endpoint:
            self.add(path, method, endpoint, **options)
            return endpoint

        return declare


def _made(declarations: Iterable[Declaration]) -> list[BaseRoute]:
    router = APIRouter()
    for each in declarations:
        methods = [each.method, *each.also]
        router.add_api_route(each.path, each.endpoint, methods=methods, **each.options)
    return router.routes
