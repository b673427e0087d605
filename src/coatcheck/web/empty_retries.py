"""Files that come again without their bytes.

A client that repeats a failed upload may send the same open file once more, which it has read to its end: no bytes,
and it takes the answer for its file's. Tracker's own Python client does that after every 5xx. So an empty upload is
refused when one of the same name, by the same credentials, has just failed with bytes in it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from coatcheck.domain.errors import Incomplete, Rejected, TooLarge
from coatcheck.services.failed_uploads import FailedUploads
from coatcheck.services.ports import Body
from coatcheck.web.dependencies import services_of
from coatcheck.web.problem import problem_of

#: Stands for the name of a file whose upload failed before it was known, as names in forms are: it may be any.
_SOME_FILE = ""


class Attempt:
    """One request to upload a file; `name` is None where the head does not tell it."""

    def __init__(self, failures: FailedUploads, who: str, name: str | None) -> None:
        self.name = name
        self._told_late = name is None
        self._failures = failures
        self._who = who
        self._data: _Counted | None = None

    def data(self, name: str, data: Body) -> Body:
        """The file's bytes, counted; `name` is what the sender calls it."""
        self.name = name
        self._data = _Counted(data)
        return self._data

    async def expect_bytes(self) -> None:
        """To be called when the file has been read. Raises Rejected for one that seems to have lost its bytes."""
        if self._data and self._data.size:
            await self._failures.forget(self._who, self.name or "")
        elif await self._failed_lately():
            raise Rejected(
                "The file is empty, and an upload of it has just failed: send it again from its start.",
                field="file",
            )

    async def failed(self, error: Exception) -> None:
        was_empty = self._data is not None and self._data.ended and not self._data.size
        lost = isinstance(error, Incomplete | TooLarge) or problem_of(error, {}).status >= 500
        if lost and not was_empty:
            await self._failures.note(self._who, _SOME_FILE if self.name is None else self.name)

    async def _failed_lately(self) -> bool:
        names = [self.name or _SOME_FILE, *([_SOME_FILE] if self._told_late else [])]
        for name in names:
            if await self._failures.happened_lately(self._who, name):
                return True
        return False


class _Counted:
    def __init__(self, data: Body) -> None:
        self.size = 0
        self.ended = False
        self._data = data

    @property
    def cut(self) -> bool:
        return self._data.cut

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._data:
            self.size += len(piece)
            yield piece
        self.ended = True


@asynccontextmanager
async def attempting(request: Request) -> AsyncIterator[Attempt]:
    """Around the whole request, who asks included: a database that is down fails there first."""
    given = request.headers.get("authorization", "")
    attempt = Attempt(
        services_of(request).failed_uploads,
        who=given,
        name=request.query_params.get("filename"),
    )
    try:
        yield attempt
    except Exception as error:
        await attempt.failed(error)
        raise


async def _attempt_of(request: Request) -> AsyncIterator[Attempt]:
    async with attempting(request) as attempt:
        yield attempt


#: To stand before every other dependency of a route, so that it sees them fail.
Attempted = Annotated[Attempt, Depends(_attempt_of)]
