"""Finding a route by the segments of its path.

The framework asks one route after the other, and there are hundreds: that took longer than all else that a small
request does. The routes and what is documented of them stay the framework's; only the search is ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from fastapi.routing import RouteContext
from starlette.convertors import StringConvertor
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from coatcheck.web.plan import PLAN, Plan, plan_of
from coatcheck.web.routing import Route

_APP = "coatcheck.app"

#: The key of the method and the path as it is declared, in a request's scope.
ROUTE = "coatcheck.route"


@dataclass(frozen=True, slots=True)
class _Line:
    """A route, and where in a path the segments stand that it has names for."""

    route: Route
    app: ASGIApp
    plan: Plan | None
    name: str
    named: tuple[tuple[int, str], ...]


@dataclass(slots=True)
class _Branch:
    """What may come after some first segments."""

    fixed: dict[str, _Branch] = field(default_factory=dict)
    any: _Branch | None = None
    lines: dict[str, _Line] = field(default_factory=dict)  # by method

    def find(self, method: str, segments: list[str], at: int = 0) -> Iterator[_Line]:
        """Those that fit, the most literal first."""
        if at == len(segments):
            if line := self.lines.get(method):
                yield line
            return
        segment = segments[at]
        if branch := self.fixed.get(segment):
            yield from branch.find(method, segments, at + 1)
        if self.any and segment:
            yield from self.any.find(method, segments, at + 1)

    def grown(self, template: list[str]) -> _Branch:
        """The branch at the end of a path such as ["", "posts", "{id}"]."""
        branch = self
        for segment in template:
            if _is_named(segment):
                branch.any = branch.any or _Branch()
                branch = branch.any
            else:
                branch = branch.fixed.setdefault(segment, _Branch())
        return branch


class Switchboard(BaseRoute):
    """Stands before all other routes, and answers for those whose paths are plain segments.

    What it does not know goes on to the router, another method of a path it knows included.
    """

    def __init__(self, routes: Iterable[RouteContext]) -> None:
        self._root = _Branch()
        for context in routes:
            template = str(context.path).split("/")
            route = context.original_route
            if not isinstance(route, Route) or not _is_plain(context, template):
                continue
            named = tuple((at, part[1:-1]) for at, part in enumerate(template) if _is_named(part))
            plan = plan_of(context)
            branch = self._root.grown(template)
            for method in context.methods or ():
                name = f"{method} {context.path}"
                branch.lines.setdefault(method, _Line(route, context.app, plan, name, named))

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """The route, and its path's parameters; None where the router has to look."""
        if found := self._found(method, path):
            line, parameters = found
            return line.route, parameters
        return None

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http" or scope.get("root_path"):
            return Match.NONE, {}
        found = self._found(scope["method"], scope["path"])
        if found is None:
            return Match.NONE, {}
        line, parameters = found
        return Match.FULL, {
            "route": line.route,
            "endpoint": line.route.endpoint,
            "path_params": parameters,
            PLAN: line.plan,
            ROUTE: line.name,
            _APP: line.app,
        }

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        app: ASGIApp = scope[_APP]
        await app(scope, receive, send)

    def _found(self, method: str, path: str) -> tuple[_Line, dict[str, str]] | None:
        segments = path.split("/")
        line = next(self._root.find(method, segments), None)
        if line is None:
            return None
        return line, {name: segments[at] for at, name in line.named}


def _is_named(segment: str) -> bool:
    return segment.startswith("{")


def _is_plain(context: RouteContext, template: list[str]) -> bool:
    """Whether each segment is either fixed, or a parameter that is any text without a slash."""
    return all(type(each) is StringConvertor for each in context.param_convertors.values()) and all(
        part == f"{{{part[1:-1]}}}" if "{" in part else True for part in template
    )
