"""Who asks, for what, for which page: what every route reads of a request before its body."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPBearer
from fastapi.security.http import HTTPBase
from starlette.requests import Request

from coatcheck.domain.claim import ByPublicId
from coatcheck.domain.container import ContainerRef
from coatcheck.domain.errors import Invalid, NotFound
from coatcheck.domain.pages import Mark, Window
from coatcheck.domain.principal import Principal
from coatcheck.web.auth import authenticate
from coatcheck.web.dependencies import services_of
from coatcheck.web.dialects.chat.naming import conversation_ref, message_ref, object_id

#: Shown in the documentation; `caller_of` does the work.
SCHEMES = [
    HTTPBearer(scheme_name="Chat token", auto_error=False),
    HTTPBase(scheme="basic", scheme_name="Chat user name and token", auto_error=False),
]

_ABOVE_ZERO = re.compile(r"0*[1-9][0-9]*")

_DEFAULT_LIMIT = 10
_MOST = 100

#: The second is how a widely copied page spells it.
_BEFORE = ("ending_before", "endding_before")


async def caller_of(request: Request) -> Principal:
    """Out of the head alone: the body is not looked at before the caller is known."""
    return await authenticate(request, services_of(request), "bearer", "basic")


async def _attachment_of_path(id: str) -> ByPublicId:
    return ByPublicId(object_id(id))


async def _message_of_path(id: str) -> ContainerRef:
    return message_ref(id)


async def _conversation_of_path(id: str) -> ContainerRef:
    try:
        return conversation_ref(id)
    except Invalid:
        raise NotFound from None


# A route names its caller first: nothing is told of a path before that is known.
Caller = Annotated[Principal, Depends(caller_of)]
OfAttachment = Annotated[ByPublicId, Depends(_attachment_of_path)]
OfMessage = Annotated[ContainerRef, Depends(_message_of_path)]
OfConversation = Annotated[ContainerRef, Depends(_conversation_of_path)]


def wanted_conversation(request: Request) -> ContainerRef | None:
    """The one that a list is limited to. Raises Invalid."""
    name = request.query_params.get("conversation_id")
    return None if name is None else conversation_ref(name)


async def window_of(request: Request, mark_of: Callable[[str], Awaitable[Mark]]) -> Window:
    """The page that `limit`, `starting_after` and `ending_before` ask for; newest first.

    `mark_of` tells an object's place by its id, and raises NotFound or Invalid. Raises Invalid.
    """
    query = request.query_params
    limit = _limit(query.get("limit"))
    after = query.get("starting_after")
    before = next((query[name] for name in _BEFORE if name in query), None)
    if after is not None and before is not None:
        raise Invalid("starting_after and ending_before cannot be combined.", field="ending_before")
    if after is not None:
        return Window(limit=limit, after=await _place(after, "starting_after", mark_of))
    if before is not None:
        return Window(limit=limit, before=await _place(before, "ending_before", mark_of))
    return Window(limit=limit)


async def _place(id: str, field: str, mark_of: Callable[[str], Awaitable[Mark]]) -> Mark:
    try:
        return await mark_of(id)
    except (NotFound, Invalid):
        raise Invalid(f"{field} names no object of this list.", field=field) from None


def _limit(text: str | None) -> int:
    if text is None:
        return _DEFAULT_LIMIT
    if _ABOVE_ZERO.fullmatch(text) is None:
        raise Invalid("limit has to be a whole number above 0.", field="limit")
    digits = text.lstrip("0")
    return min(int(digits), _MOST) if len(digits) <= len(str(_MOST)) else _MOST
