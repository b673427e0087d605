"""What the APIs are, for readers: an OpenAPI document, and a page that shows it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import fastapi_offline
from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.staticfiles import StaticFiles

from coatcheck.web.routing import Router

_ASSETS = Path(fastapi_offline.__file__).parent / "static"


def add_documentation(app: FastAPI, routers: Sequence[Router]) -> None:
    """At `/-/docs` and `/-/openapi.json`."""
    app.mount("/-/assets", StaticFiles(directory=_ASSETS), name="assets")
    document = _Document(app, routers)

    @app.get("/-/openapi.json", include_in_schema=False)
    async def openapi() -> Response:
        return Response(await document.content(), media_type="application/json")

    @app.get("/-/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="openapi.json",
            title=app.title,
            swagger_js_url="assets/swagger-ui-bundle.js",
            swagger_css_url="assets/swagger-ui.css",
            swagger_favicon_url="assets/favicon.png",
        )


class _Document:
    """Made when somebody first asks, beside the event loop: it takes seconds, and most servers are never asked."""

    def __init__(self, app: FastAPI, routers: Sequence[Router]) -> None:
        self._app = app
        self._routers = routers
        self._making: asyncio.Future[bytes] | None = None

    async def content(self) -> bytes:
        if self._making is None:
            self._making = asyncio.ensure_future(asyncio.to_thread(self._made))
        # Others may wait for it when this one has gone.
        return await asyncio.shield(self._making)

    def _made(self) -> bytes:
        app = self._app
        described = FastAPI(title=app.title, version=app.version, description=app.description)
        for router in self._routers:
            described.router.routes.extend(router.documented())
        return bytes(JSONResponse(described.openapi()).body)
