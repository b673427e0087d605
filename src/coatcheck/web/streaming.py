"""The body of a request as a stream that knows whether it was cut, and JSON out of one, bounded."""

from __future__ import annotations

import json
import math
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive

from coatcheck.domain.errors import Incomplete, Malformed, TimedOut, TooLarge
from coatcheck.services.ports import Body
from coatcheck.web.patience import Patience

_LENGTH = re.compile(r"[0-9]{1,20}")

#: Nobody nests deeper on purpose; Python's own limit is a crash of the request.
MAX_DEPTH = 64

_INT64 = 1 << 63


_A_DAY = 24 * 60 * 60.0


class RequestBody:
    """The body of one request, to be iterated once.

    Raises TimedOut when the first byte takes longer than `first_byte` seconds, or when a `window` of
    seconds brings less than `min_rate` bytes a second; where that is 0, when a day brings none. Only time spent waiting
    for the sender counts: a slow disk of ours is not held against it. `at_end` is awaited when the last byte has come,
    and may raise.
    """

    def __init__(
        self,
        receive: Receive,
        declared: int | None = None,
        *,
        at_end: Callable[[], Awaitable[None]] | None = None,
        first_byte: float = 30.0,
        min_rate: float = 1024.0,
        window: float = 30.0,
    ) -> None:
        self.declared = declared
        self.received = 0
        self.cut = False
        self._receive = receive
        self._at_end = at_end
        self._first_byte = first_byte
        self._min_rate = min_rate
        self._window = window if min_rate else _A_DAY
        self._quota = min_rate * window
        self._patience = Patience(first_byte)
        self._in_window = 0
        self._begun = False

    @classmethod
    def of(
        cls,
        request: Request,
        *,
        at_end: Callable[[], Awaitable[None]] | None = None,
        **deadlines: float,
    ) -> RequestBody:
        """The body of a request whose Content-Length, if any, is what it declares. Raises Malformed, see `framed`."""
        framed(request.headers)
        return cls(request.receive, _declared(request.headers), at_end=at_end, **deadlines)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._begun:
            raise RuntimeError("a request's body can be read once")
        self._begun = True
        more = True
        try:
            while more:
                message = await self._next()
                if message["type"] == "http.disconnect":
                    self.cut = True
                    return
                chunk: bytes = message.get("body", b"")
                more = message.get("more_body", False)
                if chunk:
                    self._count(len(chunk))
                    yield chunk
        finally:
            self._patience.end()
        # A server may end a body that was cut as if it were whole.
        self.cut = self.declared is not None and self.received < self.declared
        if self._at_end and not self.cut:
            await self._at_end()

    async def _next(self) -> Any:
        try:
            with self._patience.waiting():
                return await self._receive()
        except TimeoutError:
            raise self._too_slow() from None
        except ClientDisconnect:
            return {"type": "http.disconnect"}

    def _too_slow(self) -> TimedOut:
        if not self.received:
            detail = f"The first byte of the body took longer than {self._first_byte:g} s."
            return TimedOut(detail, what="first_byte_timeout", limit=self._first_byte)
        detail = f"Less than {self._min_rate:g} bytes a second arrived."
        return TimedOut(detail, what="min_rate", limit=self._min_rate, received=self.received)

    def _count(self, size: int) -> None:
        first = self.received == 0
        self.received += size
        self._in_window += size
        if first or self._in_window >= self._quota:
            self._patience.left = self._window
            self._in_window = 0


def framed(headers: Headers) -> None:
    """Raises Malformed where it is told in two ways how long the body is, or where it is encoded besides being chunked.

    The servers take some of these, and hand on the body as it came: what a proxy before them would have taken it for
    nobody knows.
    """
    codings = headers.getlist("transfer-encoding")
    if codings and "content-length" in headers:
        raise Malformed("The length of the body is told in two ways.", closes=True)
    if codings and [each.strip(" \t").lower() for each in codings] != ["chunked"]:
        raise Malformed("The only coding of a body is chunked.", closes=True)


def announced(headers: Headers) -> float:
    """How many bytes the head says that the body has: 0 where there is none, infinite where it does not tell."""
    return math.inf if "transfer-encoding" in headers else _declared(headers) or 0


def _declared(headers: Headers) -> int | None:
    length = headers.get("content-length", "")
    return int(length) if _LENGTH.fullmatch(length) else None


async def read_bytes(body: Body, limit: int) -> bytes:
    """All of it. Raises TooLarge(limit=…) above `limit` bytes, Incomplete when it was cut."""
    pieces: list[bytes] = []
    size = 0
    async for piece in body:
        size += len(piece)
        if size > limit:
            raise TooLarge(limit=limit)
        pieces.append(piece)
    if body.cut:
        raise Incomplete(received=size)
    return b"".join(pieces)


async def read_json(body: Body, limit: int) -> object:
    """The JSON value (RFC 8259) in at most `limit` bytes. Raises TooLarge, Incomplete, Malformed."""
    return parse_json(await read_bytes(body, limit))


def parse_json(data: bytes) -> object:
    """The JSON value, if every reader would understand the same by it. Raises Malformed.

    Refused besides what is no JSON: a BOM, NaN, numbers that no double or 64-bit integer holds, a
    key given twice, halves of surrogate pairs and NUL (which no database takes), nesting above 64.
    """
    try:
        value: object = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_no_constant,
            parse_float=_float,
            parse_int=_int,
        )
    except (ValueError, RecursionError):
        raise Malformed("The body is not valid JSON.") from None
    _inspect(value)
    return value


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a key is given twice")
    return members


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def _float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("too large for a double")
    return number


def _int(digits: str) -> int:
    if len(digits) > 20 or not -_INT64 <= (number := int(digits)) < _INT64:
        raise ValueError("too large for 64 bits")
    return number


def _inspect(value: object) -> None:
    """Level by level and without recursion, since the sender decides how deep it is."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _inside(outer)]
    if any(isinstance(part, list | dict) for part in level):
        raise Malformed("The JSON is nested too deeply.", limit=MAX_DEPTH)
    for part in level:
        _inside(part)


def _inside(value: object) -> list[object]:
    if isinstance(value, str):
        _inspect_text(value)
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    return value if isinstance(value, list) else []


def _inspect_text(text: str) -> None:
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise Malformed("The JSON holds a character that is none.")
