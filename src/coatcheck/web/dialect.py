"""A dialect: one wire format over the core."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from coatcheck.web.problem import Problem
from coatcheck.web.routing import Router


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """`prefixes` are the paths it owns, "" being all that nobody else does. `render` puts a problem into its words.

    `statuses` are its own, by error code, where they differ from the usual ones. `middleware` wraps the whole app where
    a dialect needs to see its own requests before routing, or its own responses after.
    """

    name: str
    prefixes: tuple[str, ...]
    router: Router
    render: Callable[[Problem, Request], Response]
    statuses: Mapping[str, int] = field(default_factory=dict)
    middleware: Callable[[ASGIApp], ASGIApp] | None = None


def owner_of(path: str, dialects: tuple[Dialect, ...]) -> Dialect | None:
    """The dialect with the longest prefix that the path lies under."""
    best: tuple[int, Dialect] | None = None
    for dialect in dialects:
        for prefix in dialect.prefixes:
            under = not prefix or path == prefix or path.startswith(prefix + "/")
            if under and (best is None or len(prefix) > best[0]):
                best = len(prefix), dialect
    return best[1] if best else None
