"""What routes ask for: the use cases, the wire's configuration, the body. To a depth of one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, TypeVar

from fastapi import Depends
from starlette.requests import Request

from coatcheck.services.bundle import Services
from coatcheck.web.config import WireConfig
from coatcheck.web.given_keys import authenticate_again
from coatcheck.web.streaming import RequestBody

T = TypeVar("T")


def services_of(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def config_of(request: Request) -> WireConfig:
    config: WireConfig = request.app.state.config
    return config


def body_of(request: Request) -> RequestBody:
    """The request's bytes, untouched until somebody iterates; authenticate first. At their end that is done again."""
    config = config_of(request)
    return RequestBody.of(
        request,
        at_end=partial(authenticate_again, request, services_of(request)),
        first_byte=config.first_byte_timeout,
        min_rate=config.min_rate,
    )


def base_url(request: Request) -> str:
    """Scheme, host and port as the client sees them, without a slash at the end."""
    config = config_of(request)
    if config.public_url:
        return config.public_url
    scheme = request.scope["scheme"]
    host = request.headers.get("host") or request.url.netloc
    if config.forwarded_allow:
        scheme = request.headers.get("x-forwarded-proto", scheme).split(",")[0].strip()
        host = request.headers.get("x-forwarded-host", host).split(",")[0].strip()
    return f"{scheme}://{host}"


def _on_the_loop(read: Callable[[Request], T]) -> Callable[[Request], Awaitable[T]]:
    """FastAPI sends what is not async to a thread, which takes longer than any of these."""

    async def dependency(request: Request) -> T:
        return read(request)

    return dependency


Desk = Annotated[Services, Depends(_on_the_loop(services_of))]
Config = Annotated[WireConfig, Depends(_on_the_loop(config_of))]
Body = Annotated[RequestBody, Depends(_on_the_loop(body_of))]
BaseUrl = Annotated[str, Depends(_on_the_loop(base_url))]
