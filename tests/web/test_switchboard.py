"""The switchboard finds what the framework's router would, and what it answers is what the framework would."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Header, Query
from fastapi.routing import RouteContext, iter_route_contexts
from fastapi.security import HTTPBearer
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from coatcheck.bootstrap import create_app
from coatcheck.settings import Settings
from coatcheck.web.routing import Router
from coatcheck.web.switchboard import Switchboard

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def _ours(tmp_path: Path) -> tuple[Switchboard, list[RouteContext]]:
    switchboard, *others = create_app(Settings(data_dir=tmp_path)).router.routes
    assert isinstance(switchboard, Switchboard)
    return switchboard, list(iter_route_contexts(others))


def _first(contexts: list[RouteContext], method: str, path: str) -> RouteContext | None:
    for context in contexts:
        regex = getattr(context, "path_regex", None)
        if regex and regex.match(path) and method in (context.methods or ()):
            return context
    return None


def test_it_finds_for_every_path_the_route_that_was_declared_first(tmp_path: Path) -> None:
    switchboard, contexts = _ours(tmp_path)
    samples = ("7", "attachments", "a b", "_import")
    found = 0
    for template in sorted({str(context.path) for context in contexts}):
        for sample in samples:
            path = "/".join(sample if "{" in part else part for part in template.split("/"))
            for method in _METHODS:
                ours, first = switchboard.find(method, path), _first(contexts, method, path)
                if ours is None:
                    continue
                assert first is not None
                assert ours[0] is first.original_route, (method, path)
                found += 1
    assert found > 500


def test_hardly_a_route_is_left_to_the_search(tmp_path: Path) -> None:
    switchboard, contexts = _ours(tmp_path)
    left = {
        str(context.path)
        for context in contexts
        for method in context.methods or ()
        if switchboard.find(method, str(context.path).replace("{", "").replace("}", "")) is None
    }
    assert left <= {"/-/openapi.json", "/-/docs"}


@pytest.mark.parametrize(
    "path", ["/things/", "/things//", "//things/7", "/things/7/8", "/THINGS/7"]
)
def test_a_path_that_is_not_exactly_one_of_a_route_is_nobodys(path: str) -> None:
    router = Router()

    @router.get("/things/{id}")
    async def show(id: str) -> Response:
        return PlainTextResponse(id)

    assert Switchboard(iter_route_contexts(router.routes)).find("GET", path) is None


async def _caller(request: Request) -> str:
    return request.headers.get("x-caller", "nobody")


async def _greeting(caller: Annotated[str, Depends(_caller)], id: str) -> str:
    return f"{caller} asks for {id}"


async def _closing(request: Request) -> AsyncIterator[str]:
    request.app.state.seen.append("opened")
    try:
        yield "open"
    except ValueError:
        request.app.state.seen.append("failed")
        raise
    finally:
        request.app.state.seen.append("closed")


class _Coat(BaseModel):
    id: str
    size: str | None
    owner: str | None = Field(serialization_alias="whose")
    price: float


def _both() -> tuple[FastAPI, FastAPI]:
    """The same routes with the switchboard before them and without."""
    return _app(switched=True), _app(switched=False)


def _app(*, switched: bool) -> FastAPI:
    router = Router(dependencies=[Depends(HTTPBearer(auto_error=False))])

    @router.get("/greetings/{id}")
    async def greet(
        request: Request,
        id: str,
        said: Annotated[str, Depends(_greeting)],
        caller: Annotated[str, Depends(_caller)],
    ) -> JSONResponse:
        return JSONResponse([id, said, caller, request.url.path, dict(request.path_params)])

    @router.post("/closings/{how}")
    async def close(how: str, state: Annotated[str, Depends(_closing)]) -> Response:
        if how == "fail":
            raise ValueError(state)
        return PlainTextResponse(state)

    @router.get("/pages")
    async def page(number: Annotated[int, Query()]) -> dict[str, int]:
        return {"number": number}

    @router.get("/coats/{id}", status_code=203)
    async def coat(
        id: str,
        response: Response,
        size: Annotated[str | None, Query()] = None,
        x_caller: Annotated[str | None, Header()] = None,
    ) -> _Coat:
        response.headers["Location"] = f"/coats/{id}"
        if size == "big":
            response.status_code = 201
        return _Coat(id=id, size=size, owner=x_caller, price=1.0)

    app = FastAPI()
    app.state.seen = []
    app.router.routes.extend(router.routes)
    if switched:
        app.router.routes.insert(0, Switchboard(iter_route_contexts(app.routes)))
    return app


async def _asked(app: FastAPI, method: str, path: str) -> tuple[int, Any, str, Any]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.request(method, path, headers={"X-Caller": "ann"})
    return answer.status_code, answer.headers, answer.text, app.state.seen


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/greetings/7", 200),
        ("GET", "/greetings/a%20b", 200),
        ("POST", "/greetings/7", 405),
        ("POST", "/closings/well", 200),
        ("POST", "/closings/fail", 500),
        ("GET", "/pages?number=3", 200),
        ("GET", "/pages?number=x", 422),
        ("GET", "/coats/é", 203),
        ("GET", "/coats/7?size=", 203),
        ("GET", "/coats/7?size=small&size=big", 201),
        ("GET", "/nowhere", 404),
    ],
)
async def test_an_endpoint_answers_the_same_with_it_and_without(
    method: str, path: str, status: int
) -> None:
    switched, ordinary = _both()
    answer = await _asked(switched, method, path)
    assert answer == await _asked(ordinary, method, path)
    assert answer[0] == status


async def test_what_an_include_demands_is_not_skipped() -> None:
    async def refuse() -> None:
        raise PermissionError

    router = Router()

    @router.get("/secret")
    async def show() -> PlainTextResponse:
        return PlainTextResponse("secret")

    app = FastAPI()
    app.state.seen = []
    outer = Router(dependencies=[Depends(refuse)])
    outer.include(router)
    app.router.routes.extend(outer.routes)
    app.router.routes.insert(0, Switchboard(iter_route_contexts(app.routes)))
    assert (await _asked(app, "GET", "/secret"))[0] == 500
