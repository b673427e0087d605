"""Clients that stop in the middle, each at another place, and how long the server waits for them."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from tests.e2e.server import Server

PATH = "/coatcheck/v1/attachments"
DECLARED = 1_000_000


@dataclass(frozen=True)
class End:
    """Seconds until the server said so, or hung up without a word, and until it hung up; the status, 0: none."""

    said: float
    closed: float
    status: int


def head(server: Server, length: int = DECLARED) -> bytes:
    lines = [
        f"POST {PATH} HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        f"Authorization: {server.headers()['Authorization']}",
        f"Content-Length: {length}",
        "",
        "",
    ]
    return "\r\n".join(lines).encode()


def stalls(server: Server) -> Mapping[str, bytes]:
    """All that such a client ever sends."""
    begun = head(server)
    return {
        "silent": b"",
        "stalled in its head": begun[:40],
        "idle after an answer": b"GET /-/health HTTP/1.1\r\nHost: x\r\n\r\n",
        "stalled before its body": begun,
        "stalled in its body": begun + b"x" * 20_000,
    }


async def until_closed(server: Server, sent: bytes, patience: float) -> End:
    """Raises TimeoutError when the server goes on waiting."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        began = time.monotonic()
        writer.write(sent)
        answer, said = b"", 0.0
        async with asyncio.timeout(patience):
            with suppress(ConnectionError):
                while piece := await reader.read(65536):
                    said = said or time.monotonic() - began
                    answer += piece
        closed = time.monotonic() - began
        return End(said or closed, closed, int(answer[9:12] or 0))
    finally:
        writer.close()


async def abort(server: Server, sent: bytes, *, reset: bool) -> None:
    """Hang up after `sent`: with a reset, as what crashes does, or as one who closes."""
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        writer.write(sent)
        await writer.drain()
        await asyncio.sleep(0.01)
        if reset:
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    finally:
        writer.close()


async def abort_many(server: Server, count: int, *, at_once: int = 50) -> None:
    """Before the body, in its first pieces, and far into it, where there is a file already."""
    begun = head(server)
    places = [begun, begun + b"x" * 100, begun + b"x" * 60_000, begun + b"x" * 500_000]
    turns = asyncio.Semaphore(at_once)

    async def one(number: int) -> None:
        async with turns:
            with suppress(ConnectionError):
                await abort(server, places[number % len(places)], reset=number % 3 == 0)

    await asyncio.gather(*(one(number) for number in range(count)))
