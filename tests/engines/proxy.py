"""A TCP proxy that cuts or stalls a connection at a byte: what networks do, when a test says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Literal
from urllib.parse import urlsplit

Kind = Literal["cut", "stall"]
Way = Literal["there", "back"]


class Proxy:
    """Bytes are counted since `break_at`, over all connections: `there` to the server, `back` from it."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._way: Way | None = None
        self._kind: Kind = "cut"
        self._left = 0
        self._every = False
        self.fired = 0
        self.passed = {"there": 0, "back": 0}
        self._open: set[asyncio.StreamWriter] = set()
        self.endpoint = ""

    def break_at(self, way: Way, count: int, *, kind: Kind = "cut", every: bool = False) -> None:
        """The connection that carries byte `count` that way goes no further, nor does any later one if `every`."""
        self._way, self._left, self._kind, self._every = way, count, kind, every
        self.fired = 0
        self.passed = {"there": 0, "back": 0}

    def heal(self) -> None:
        self._way = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server_reader, server_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, server_writer}
        self._open |= ends
        try:
            await asyncio.gather(
                self._carry("there", reader, server_writer, ends),
                self._carry("back", server_reader, writer, ends),
            )
        finally:
            self._open -= ends
            for end in ends:
                end.transport.abort()

    async def _carry(
        self,
        way: Way,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        ends: set[asyncio.StreamWriter],
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(64 * 1024):
                allowed = data
                if way == self._way:
                    allowed, self._left = data[: self._left], self._left - len(data)
                self.passed[way] += len(allowed)
                writer.write(allowed)
                await writer.drain()
                if len(allowed) < len(data) or (way == self._way and self._left <= 0):
                    await self._break(ends)
                    return
        with suppress(OSError, RuntimeError):
            writer.write_eof()

    async def _break(self, ends: set[asyncio.StreamWriter]) -> None:
        self.fired += 1
        if self._every:
            self._left = 0
        else:
            self._way = None
        if self._kind == "stall":
            await asyncio.Event().wait()
        for end in ends:
            end.transport.abort()

    def close(self) -> None:
        for end in self._open:
            end.transport.abort()


@asynccontextmanager
async def proxied(endpoint: str) -> AsyncIterator[Proxy]:
    """In front of the server at that URL."""
    parts = urlsplit(endpoint)
    proxy = Proxy(str(parts.hostname), int(parts.port or 80))
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        try:
            await proxy.serve(reader, writer)
        finally:
            serving.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy.endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
        for task in list(serving):
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
