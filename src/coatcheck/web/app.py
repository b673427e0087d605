"""The one FastAPI app: every dialect's routes, one way for errors, one OpenAPI document."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse, Response

import coatcheck
from coatcheck.domain.errors import CoatcheckError
from coatcheck.web import health, watching
from coatcheck.web.config import WireConfig
from coatcheck.web.dialect import Dialect, owner_of
from coatcheck.web.dialects import load
from coatcheck.web.documentation import add_documentation
from coatcheck.web.draining import Draining, Drains
from coatcheck.web.middleware import AccessLog
from coatcheck.web.problem import Problem, problem_of
from coatcheck.web.switchboard import Switchboard

log = logging.getLogger(__name__)

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

#: What pages of other origins may read of our answers.
EXPOSED = (
    "Count",
    "Link",
    "Location",
    "Range",
    "Content-Range",
    "Content-Disposition",
    "ETag",
    "Retry-After",
    "Coatcheck-Limit",
    "Rate-Limit-Limit",
    "Rate-Limit-Remaining",
    "Rate-Limit-Reset",
    "X-Total-Count",
    "X-Total-Pages",
    "X-Request-ID",
)


def build_app(config: WireConfig, lifespan: Lifespan) -> FastAPI:
    """The app for these dialects. `lifespan` is to set `app.state.services`."""
    dialects = tuple(load(name) for name in config.dialects)
    app = FastAPI(
        title="Coatcheck",
        version=coatcheck.__version__,
        description="Detached attachments: leave a file first, claim it later. One store, many APIs.",
        openapi_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.config = config
    app.state.draining = Draining()
    routers = [health.router, watching.router, *(dialect.router for dialect in dialects)]
    add_documentation(app, routers)
    for router in routers:
        app.router.routes.extend(router.routes)
    app.router.routes.insert(0, Switchboard(iter_route_contexts(app.routes)))
    _add_error_handlers(app, dialects)
    for dialect in dialects:
        if dialect.middleware:
            app.add_middleware(dialect.middleware)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=list(config.cors_origins),
        allow_methods=["*"],
        allow_headers=["*"],
        expose_headers=list(EXPOSED),
        max_age=86400,
    )
    app.add_middleware(Drains, draining=app.state.draining)
    app.add_middleware(
        AccessLog, dialect_of=lambda path: getattr(owner_of(path, dialects), "name", None)
    )
    return app


def _add_error_handlers(app: FastAPI, dialects: tuple[Dialect, ...]) -> None:
    async def render(request: Request, error: Exception) -> Response:
        dialect = owner_of(request.url.path, dialects)
        if services := getattr(request.app.state, "services", None):
            services.availability.failed(error)
        problem = problem_of(error, dialect.statuses if dialect else {})
        if services and services.meter:
            services.meter.failed(dialect.name if dialect else None, problem.code)
        if problem.status == 405:
            problem = replace(problem, headers={"Allow": _methods_of(app, request.url.path)})
        if problem.status >= 500:
            log.error("%s %s: %s", request.method, request.url.path, problem.code, exc_info=error)
        response = dialect.render(problem, request) if dialect else _plain(problem)
        for name, value in problem.headers.items():
            response.headers[name] = value
        return response

    for kind in (CoatcheckError, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, render)


def _methods_of(app: FastAPI, path: str) -> str:
    """Of all routes with this path: the router names only those of the first."""
    methods: set[str] = set()
    for route in iter_route_contexts(app.routes):
        if route.methods and route.path_regex.match(path):
            methods |= route.methods
    return ", ".join(sorted(methods))


def _plain(problem: Problem) -> Response:
    """Where no dialect owns the path."""
    return JSONResponse(
        {"code": problem.code, "message": problem.detail}, status_code=problem.status
    )
