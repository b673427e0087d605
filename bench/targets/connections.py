"""Clients that stall or hang up: how long they are waited for, and what of them stays open."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack
from dataclasses import dataclass

from bench.measuring import Measure, Sample
from bench.scale import SMOKE
from bench.session import Session
from bench.targets.places import served
from tests.e2e.server import Server
from tests.hostile.health import descriptors, seconds_until, steady_descriptors
from tests.hostile.stalling import PATH, abort_many, head, stalls, until_closed

#: Seconds that a head may take, and that a connection may be idle; the lowest rate is looked at after half a minute.
_HEAD, _WINDOW = 10, 30


@dataclass(frozen=True, kw_only=True)
class Stalled:
    """Seconds until one is refused whose body does not begin; the others by their names."""

    unit: str = "s"
    title: str = "coatcheck"

    def prepare(self, session: Session) -> Measure:
        scale = session.scale
        waits = {"stalled before its body": scale.first_byte}
        if scale is not SMOKE:
            waits |= {"silent": _HEAD, "stalled in its head": _HEAD, "stalled in its body": _WINDOW}

        def measure() -> Sample:
            env = {"COATCHECK_FIRST_BYTE_TIMEOUT": str(scale.first_byte)}
            with served(session, **env) as server:
                ends = asyncio.run(self._all(server, waits))
            return Sample(ends.pop("stalled before its body"), ends)

        return measure

    async def _all(self, server: Server, waits: dict[str, float]) -> dict[str, float]:
        sent = stalls(server)
        ends = await asyncio.gather(
            *(until_closed(server, sent[name], wait + 60) for name, wait in waits.items())
        )
        return {name: end.said for name, end in zip(waits, ends, strict=True)}


@dataclass(frozen=True, kw_only=True)
class Descriptors:
    """How many each upload in hand has open; and each download, and what thousands who hung up left."""

    unit: str = "descriptors"
    title: str = "coatcheck"

    def prepare(self, session: Session) -> Measure:
        scale = session.scale

        def measure() -> Sample:
            with served(session) as server:
                # What it opens once for as many at once, it keeps.
                asyncio.run(abort_many(server, 100))
                rest = asyncio.run(steady_descriptors(server))
                uploads = _each(server, head(server) + b"x" * 100_000, scale.uploads)
                downloads = _each(server, _download(server, scale.medium), scale.uploads)
                asyncio.run(abort_many(server, scale.aborted))
                again = asyncio.run(seconds_until(server, rest))
                left = descriptors(server) - rest
            return Sample(
                uploads,
                {"a download": downloads, "left of the aborted": left, "s until then": again},
            )

        return measure


def _each(server: Server, sent: bytes, number: int) -> float:
    """What each of so many requests in hand opens."""
    before = asyncio.run(steady_descriptors(server))
    with ExitStack() as stack:
        for _ in range(number):
            # A small window: the answer is not to disappear in the kernel.
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", server.port))
            client.sendall(sent)
        peak = max(asyncio.run(_looks(server)))
    asyncio.run(seconds_until(server, before))
    return (peak - before) / number


async def _looks(server: Server) -> list[int]:
    seen = []
    for _ in range(20):
        seen.append(descriptors(server))
        await asyncio.sleep(0.05)
    return seen


def _download(server: Server, size: int) -> bytes:
    import requests

    answer = requests.post(
        server.url + PATH, data=bytes(size), headers=server.headers(), timeout=60
    )
    answer.raise_for_status()
    path = f"{PATH}/{answer.json()['id']}/content"
    authorization = server.headers()["Authorization"]
    return f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\n\r\n".encode()
