"""Bytes to a server and back: requests as they are written, answers as they come, with nothing mended on the way."""

from __future__ import annotations

import json
import re
import socket
import struct
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, Self

#: Seconds that an answer may take on a busy machine.
PATIENCE = 10
#: Seconds without another byte after which a connection that stays open has said all.
QUIET = 0.15

_STATUS_LINE = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\n")

#: How a sender leaves: by the end of its stream, or all at once.
Leaving = Literal["fin", "rst"]


@dataclass(frozen=True, slots=True)
class Pause:
    """Seconds between two pieces of a request."""

    seconds: float


Piece = bytes | Pause


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; names of header fields are in lower case, and a field that came twice is there twice."""

    status: int
    fields: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        values = [value for key, value in self.fields if key == name.lower()]
        assert len(values) < 2, f"{name} was told {len(values)} times"
        return values[0] if values else None

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True)
class Exchange:
    """All that came back over one connection; `interim` counts 1xx answers, `sent` is what could be sent."""

    answers: list[Answer] = field(default_factory=list)
    interim: int = 0
    closed: bool = False
    sent: int = 0

    @property
    def status(self) -> int | None:
        """Of the first answer; None where the connection was closed without one."""
        return self.answers[0].status if self.answers else None

    @property
    def answer(self) -> Answer:
        assert self.answers, "the connection was closed without an answer"
        return self.answers[0]


class Connection:
    """One connection; use it as a context."""

    def __init__(self, port: int) -> None:
        self.exchange = Exchange()
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, pieces: Iterable[Piece]) -> None:
        """As far as the server lets us: one that has closed the connection is told no more."""
        with suppress(ConnectionError, TimeoutError):
            for piece in pieces:
                if isinstance(piece, Pause):
                    time.sleep(piece.seconds)
                else:
                    self._socket.sendall(piece)
                    self.exchange.sent += len(piece)

    def leave(self, how: Leaving) -> None:
        if how == "rst":
            now = struct.pack("ii", 1, 0)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, now)
            self._socket.close()
        else:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_WR)

    def listen(self, *, answers: int = 1, patience: float = PATIENCE, head: bool = False) -> None:
        """To the end of the connection, or until it is quiet after so many answers; `head`: they have no bodies."""
        deadline = time.monotonic() + patience
        while not self.exchange.closed:
            self._take_answers(head=head)
            enough = len(self.exchange.answers) >= answers
            left = deadline - time.monotonic()
            if left <= 0:
                return
            self._socket.settimeout(min(QUIET, left) if enough else left)
            try:
                data = self._socket.recv(256 * 1024)
            except TimeoutError:
                return
            except OSError:
                data = b""
            self._buffer += data
            self.exchange.closed = not data
        self._take_answers(head=head)

    def _take_answers(self, *, head: bool) -> None:
        while (found := _parsed(self._buffer, head=head, closed=self.exchange.closed)) is not None:
            answer, self._buffer = found
            if answer.status < 200:
                self.exchange.interim += 1
            else:
                self.exchange.answers.append(answer)


def _parsed(data: bytes, *, head: bool, closed: bool) -> tuple[Answer, bytes] | None:
    """The first answer and what follows it, or None while it is not all there."""
    top, found, rest = data.partition(b"\r\n\r\n")
    if not found:
        return None
    line = _STATUS_LINE.match(top + b"\r\n")
    assert line is not None, f"no status line: {top[:200]!r}"
    fields = []
    for each in top.split(b"\r\n")[1:]:
        name, _, value = each.partition(b":")
        assert re.fullmatch(rb"[!-9;-~]+", name), f"no header field: {each!r}"
        fields.append((name.decode().lower(), value.strip().decode("latin-1")))
    status, told = int(line[1]), dict(fields)
    if head or status < 200 or status in (204, 304):
        return Answer(status, fields, b""), rest
    if "content-length" in told:
        size = int(told["content-length"])
        return None if len(rest) < size else (Answer(status, fields, rest[:size]), rest[size:])
    if told.get("transfer-encoding") == "chunked":
        whole = _dechunked(rest)
        return None if whole is None else (Answer(status, fields, whole[0]), whole[1])
    return (Answer(status, fields, rest), b"") if closed else None


def _dechunked(data: bytes) -> tuple[bytes, bytes] | None:
    body = b""
    while b"\r\n" in data:
        line, _, data = data.partition(b"\r\n")
        size = int(line.split(b";")[0], 16)
        if len(data) < size + 2:
            return None
        if size == 0:
            return body, data[2:]
        body, data = body + data[:size], data[size + 2 :]
    return None
