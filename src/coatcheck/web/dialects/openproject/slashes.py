"""Slashes too many, which a web server in front of the original forgives, and so its clients send them."""

from __future__ import annotations

import re

from starlette.types import ASGIApp, Receive, Scope, Send

from coatcheck.web.dialects.openproject.hal import ROOT

_SEVERAL = re.compile("/{2,}")
#: What other paths hardly begin with: they shall not pay.
_LIKELY = ("/api/", "//")
_SEVERAL_RAW = re.compile(rb"/{2,}")


class CollapsesSlashes:
    """Around the app: to and under /api/v3, `//` is `/`, and a path does not end in one. Others are left alone.

    A client whose base URL ends in a slash asks for `//api/v3`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(_LIKELY):
            path = _SEVERAL.sub("/", scope["path"]).rstrip("/")
            if path == ROOT or path.startswith(ROOT + "/"):
                raw = scope.get("raw_path")
                raw = raw and _SEVERAL_RAW.sub(b"/", raw).rstrip(b"/")
                scope = {**scope, "path": path, "raw_path": raw}
        await self._app(scope, receive, send)
