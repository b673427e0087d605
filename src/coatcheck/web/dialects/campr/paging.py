"""Lists page by page (Campr, «Pagination»): `Count`, and one `Link` field for each page that there is besides.

The mark in `page` names a place beside an item, not a number: nothing is skipped or told twice while others come and
go.
"""

from __future__ import annotations

import base64
import hashlib
import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coatcheck.domain.errors import Invalid
from coatcheck.domain.pages import CountedPage, Mark, Page, Window
from coatcheck.domain.principal import Principal
from coatcheck.web.dependencies import base_url
from coatcheck.web.headers.link import Link

DEFAULT_LIMIT = 50
MAX_LIMIT = 200

_RELATIONS = "https://campr.me/rels/"
_NUMBER = re.compile(r"[0-9]+")

# Side, time, id, and a checksum that tells a mark which was changed or comes from another list: 24 bytes.
_MARK = struct.Struct(">cqq7s")
_TEXT = re.compile(r"[A-Za-z0-9_-]{32}")
_AFTER, _BEFORE, _TAIL = b"a", b"b", b"t"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page of which list is asked for; `query` is what else its links have to repeat."""

    url: str
    scope: str
    window: Window
    query: Sequence[tuple[str, str]]

    def answer(
        self, key: str, page: CountedPage[T], shown: Callable[[T], Any], mark: Callable[[T], Mark]
    ) -> Response:
        response = JSONResponse({key: [shown(each) for each in page.items]})
        response.headers["Count"] = str(page.total)
        for link in self._links([mark(each) for each in page.items], page):
            response.headers.append("Link", str(link))
        return response

    def _links(self, marks: list[Mark], page: Page[Any]) -> list[Link]:
        links = []
        if page.newer:
            links.append(self._link("first-page"))
            if marks:
                links.append(self._link("previous-page", _BEFORE, marks[0]))
        if page.older:
            links.append(self._link("next-page", _AFTER, marks[-1]))
            links.append(self._link("last-page", _TAIL))
        return links

    def _link(self, relation: str, side: bytes | None = None, mark: Mark | None = None) -> Link:
        query = [("limit", str(self.window.limit)), *self.query]
        if side:
            query.append(("page", _written(side, mark or Mark(0, 0), self.scope)))
        return Link(f"{self.url}?{urlencode(query)}", _RELATIONS + relation)


def paging_of(request: Request, caller: Principal, *query: tuple[str, str]) -> Paging:
    """Out of `limit` and `page`. Raises Invalid."""
    path = request.url.path
    scope = f"{caller.id} {path}"
    limit = _limit(request.query_params.get("limit"))
    return Paging(
        url=base_url(request) + path,
        scope=scope,
        window=_window(request.query_params.get("page"), limit, scope),
        query=query,
    )


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    digits = text.lstrip("0")
    if _NUMBER.fullmatch(text) is None or not digits:
        raise Invalid("limit is not a number above 0.", field="limit")
    return MAX_LIMIT if len(digits) > 3 else min(int(digits), MAX_LIMIT)


def _window(text: str | None, limit: int, scope: str) -> Window:
    if text is None:
        return Window(limit=limit)
    if _TEXT.fullmatch(text) is None:
        raise Invalid("page is not one of this list's.", field="page")
    side, created_at, id, _ = _MARK.unpack(base64.urlsafe_b64decode(text))
    mark = Mark(created_at, id)
    if _written(side, mark, scope) != text:
        raise Invalid("page is not one of this list's.", field="page")
    return Window(
        limit=limit,
        after=mark if side == _AFTER else None,
        before=mark if side == _BEFORE else None,
        tail=side == _TAIL,
    )


def _written(side: bytes, mark: Mark, scope: str) -> str:
    seal = hashlib.sha256(f"{scope} {side!r} {mark.created_at} {mark.id}".encode()).digest()[:7]
    return base64.urlsafe_b64encode(_MARK.pack(side, mark.created_at, mark.id, seal)).decode()
