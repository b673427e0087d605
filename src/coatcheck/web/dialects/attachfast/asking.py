"""Who asks, for which record, for which page: what every route reads of a request before its body."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPBearer
from starlette.datastructures import QueryParams
from starlette.requests import Request

from coatcheck.domain.claim import ById
from coatcheck.domain.principal import Principal
from coatcheck.web.auth import authenticate
from coatcheck.web.dependencies import services_of
from coatcheck.web.ids import RecordId

#: Shown in the documentation; `caller_of` does the work.
SITE_KEY = HTTPBearer(scheme_name="Site API key", auto_error=False)

_NUMBER = re.compile(r"[0-9]+")

_DEFAULT_PER_PAGE = 10
_MOST_PER_PAGE = 100

#: No list is longer, and an offset beyond it would not fit its column.
_LAST_PAGE = 10**12


async def caller_of(request: Request) -> Principal:
    """Out of the head alone: the body is not looked at before the caller is known."""
    return await authenticate(request, services_of(request), "bearer")


async def record(id: RecordId) -> ById:
    return ById(id)


Caller = Annotated[Principal, Depends(caller_of)]
FolderId = RecordId
FileId = Annotated[ById, Depends(record)]


def page_of(query: QueryParams) -> tuple[int, int]:
    """(page, per page), never refused: what makes no sense is the default, what is too much the most."""
    page = _number(query.get("page"), otherwise=1)
    per_page = _number(query.get("per_page"), otherwise=_DEFAULT_PER_PAGE)
    return min(page, _LAST_PAGE), min(per_page, _MOST_PER_PAGE)


def _number(text: str | None, *, otherwise: int) -> int:
    if text is None or not text.isascii() or _NUMBER.fullmatch(text) is None:
        return otherwise
    # Python refuses to convert thousands of digits; past any limit they are all the same.
    return int(text[-19:] if set(text[:-19]) <= {"0"} else "9" * 19) or otherwise
