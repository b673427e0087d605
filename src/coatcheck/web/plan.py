"""What an endpoint asks for, worked out once: which functions to call in which order, and with what.

The framework works this out anew for each request, and validates what needs no validation. For endpoints that ask for
the request, for texts of its path, query and head, and for what async functions make of these, and that answer with a
response or a model, a list of calls does the same. For any other there is no plan, and the framework answers.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_type_hints

from fastapi.datastructures import DefaultPlaceholder
from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext
from fastapi.security.base import SecurityBase
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

Plan = Callable[[Request], Awaitable[Response]]

#: The key of the plan in a request's scope.
PLAN = "coatcheck.plan"


def plan_of(route: RouteContext) -> Plan | None:
    """How to answer for this route; None where it needs the framework."""
    steps: list[_Step] = []
    try:
        _require(_answers_simply(route))
        last = _planned(route.dependant, steps)
    except _NeedsTheFramework:
        return None
    closes = any(step.closes for step in steps)
    status = route.status_code or 200
    shown = None if isinstance(route.response_class, DefaultPlaceholder) else route.response_class

    async def answer(request: Request) -> Response:
        extra = _Extra()
        made: list[Any] = []
        for step in steps:
            made.append(await step.call(**step.arguments(request, extra, made)))
        return _response(made[last], extra, status, shown)

    async def answer_and_close(request: Request) -> Response:
        extra = _Extra()
        made: list[Any] = []
        async with AsyncExitStack() as stack:
            for step in steps:
                result = step.call(**step.arguments(request, extra, made))
                made.append(await (stack.enter_async_context(result) if step.closes else result))
        return _response(made[last], extra, status, shown)

    return answer_and_close if closes else answer


class _NeedsTheFramework(Exception):
    pass


class _Extra(Response):
    """Where an endpoint that answers with a model puts fields, and a status if it wants another."""

    def __init__(self) -> None:
        self.status_code = 0
        self.raw_headers = []


@dataclass(frozen=True, slots=True)
class _Text:
    """An argument that is one text of a request."""

    argument: str
    place: Literal["path_params", "query_params", "headers"]
    name: str


@dataclass(frozen=True, slots=True)
class _Step:
    """One call: which arguments are the request, its texts, the answer's fields, and results of earlier steps."""

    call: Callable[..., Any]
    closes: bool
    request: str | None
    extra: str | None
    texts: tuple[_Text, ...]
    results: tuple[tuple[str, int], ...]

    def arguments(self, request: Request, extra: _Extra, made: list[Any]) -> dict[str, Any]:
        given: dict[str, Any] = {name: made[at] for name, at in self.results}
        if self.request:
            given[self.request] = request
        if self.extra:
            given[self.extra] = extra
        for text in self.texts:
            given[text.argument] = getattr(request, text.place).get(text.name)
        return given


def _planned(dependant: Dependant, steps: list[_Step]) -> int:
    """Where among the steps the result of this call will be; what it depends on goes before it."""
    call: Any = dependant.call
    results = []
    for each in dependant.dependencies:
        if _is_for_the_documentation(each):
            continue
        at = _planned(each, steps)
        if each.name is not None:
            results.append((each.name, at))
    for at, step in enumerate(steps):
        if step.call is call and dependant.use_cache:
            return at
    closes = inspect.isasyncgenfunction(call)
    _require(closes or inspect.iscoroutinefunction(call))
    steps.append(
        _Step(
            call=asynccontextmanager(call) if closes else call,
            closes=closes,
            request=dependant.request_param_name,
            extra=dependant.response_param_name,
            texts=_texts_of(dependant),
            results=tuple(results),
        )
    )
    return len(steps) - 1


def _require(fact: bool) -> None:
    if not fact:
        raise _NeedsTheFramework


def _texts_of(dependant: Dependant) -> tuple[_Text, ...]:
    others = (
        dependant.cookie_params,
        dependant.body_params,
        dependant.websocket_param_name,
        dependant.http_connection_param_name,
        dependant.background_tasks_param_name,
        dependant.security_scopes_param_name,
        dependant.concurrency,
    )
    _require(not any(others))
    optional = (*dependant.query_params, *dependant.header_params)
    for field in (*dependant.path_params, *optional):
        _require(not field.field_info.metadata)  # which would be validated
    for field in dependant.path_params:
        _require(field.field_info.annotation is str)
    for field in optional:
        _require(field.field_info.annotation == (str | None) and field.default is None)
    return (
        *(_Text(each.name, "path_params", each.alias) for each in dependant.path_params),
        *(_Text(each.name, "query_params", each.alias) for each in dependant.query_params),
        *(_Text(each.name, "headers", each.alias) for each in dependant.header_params),
    )


def _is_for_the_documentation(dependant: Dependant) -> bool:
    """A scheme that OpenAPI is told of, and that refuses nobody: who asks, the dialect finds out."""
    call: object = dependant.call
    is_scheme = isinstance(call, SecurityBase) and not getattr(call, "auto_error", True)
    return is_scheme and dependant.name is None


def _answers_simply(route: RouteContext) -> bool:
    """Whether the endpoint returns a response, or a model that is to be shown whole."""
    answer = get_type_hints(route.endpoint).get("return")
    kinds = get_args(answer) or (answer,)
    if all(isinstance(kind, type) and issubclass(kind, Response) for kind in kinds):
        return True
    filters = (
        route.response_model_include,
        route.response_model_exclude,
        route.response_model_exclude_unset,
        route.response_model_exclude_defaults,
        route.response_model_exclude_none,
    )
    return (
        all(isinstance(kind, type) and issubclass(kind, BaseModel) for kind in kinds)
        and route.response_model == answer
        and route.response_model_by_alias
        and not any(filters)
    )


def _response(
    answer: Response | BaseModel, extra: _Extra, status: int, shown: type[Response] | None
) -> Response:
    """`shown` is the class of the route's responses, where it has one of its own."""
    if isinstance(answer, Response):
        return answer
    status = extra.status_code or status
    if shown is None:
        body = answer.model_dump_json(by_alias=True)
        response = Response(body, status, media_type="application/json")
    else:
        response = shown(answer.model_dump(mode="json", by_alias=True), status)
    response.raw_headers.extend(extra.raw_headers)
    return response
