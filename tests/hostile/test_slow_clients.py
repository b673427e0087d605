"""Clients that are slow, stall, or hang up: others are served meanwhile, and nothing of them is left."""

from __future__ import annotations

import asyncio
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from tests.books import assert_books_balance
from tests.e2e.server import Server, running_server
from tests.hostile import health
from tests.hostile.health import Healthy
from tests.hostile.stalling import PATH, End, abort_many, head, stalls, until_closed

ROOT = Path(__file__).parents[2]
KINDS: tuple[Literal["granian", "uvicorn"], ...] = ("granian", "uvicorn")

#: Seconds that a head may take, and that a connection may be idle.
HEAD = 10
#: Seconds beyond a deadline that are the busy machine's.
SLACK = 8


@dataclass(frozen=True, kw_only=True)
class Attack:
    """`stalled` of each kind; `seconds` that slow clients go on, and that healthy ones are watched."""

    slow: int
    aborted: int
    stalled: int
    seconds: float
    #: What is said of a body that does not begin, and how long it may take.
    first_byte: float
    #: By the names of `stalls`.
    patience: dict[str, float] = field(default_factory=dict)


def environment(attack: Attack) -> dict[str, str]:
    return {
        "COATCHECK_FIRST_BYTE_TIMEOUT": str(attack.first_byte),
        "COATCHECK_RATE_LIMITS": "off",
        "COATCHECK_REAP_EVERY": "86400",
        "COATCHECK_LOG_LEVEL": "warning",
    }


async def trickle(server: Server, clients: int, seconds: float) -> None:
    """Uploads of 1 KiB a second, in a process of their own; all are still welcome at the end."""
    arguments = ["-m", "bench.load.trickling", server.url, PATH, server.headers()["Authorization"]]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *arguments, str(clients), str(seconds)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()


async def stall(server: Server, attack: Attack) -> dict[str, list[End]]:
    """How each kind ended."""
    kinds = stalls(server)
    ends: dict[str, list[End]] = {}

    async def one_kind(name: str, deadline: float) -> None:
        clients = range(attack.stalled)
        waiting = (until_closed(server, kinds[name], deadline + 60) for _ in clients)
        ends[name] = await asyncio.gather(*waiting)

    await asyncio.gather(*(one_kind(*each) for each in attack.patience.items()))
    return ends


async def wave(server: Server, attack: Attack) -> tuple[Healthy, dict[str, list[End]]]:
    """All of them at once; what became of the healthy ones and of the stalled."""
    healthy = Healthy(server)
    *_, ends = await asyncio.gather(
        trickle(server, attack.slow, attack.seconds),
        abort_many(server, attack.aborted),
        healthy.for_(attack.seconds),
        stall(server, attack),
    )
    return healthy, ends


async def withstand(server: Server, attack: Attack) -> None:
    at_rest = await health.steady_descriptors(server)
    # What a server needs for as many at once it takes once, and keeps: a leak shows in the second wave.
    await wave(server, attack)
    # Of those who have hung up it goes on to put things in order for a while.
    await health.seconds_until(server, at_rest + 8)
    descriptors, memory = await health.steady_descriptors(server), health.memory(server)
    healthy, ends = await wave(server, attack)
    again = await health.seconds_until(server, descriptors)
    after = health.memory(server)
    worst = sorted(healthy.took)[int(len(healthy.took) * 0.99)]
    print(
        f"\n{len(healthy.took)} healthy uploads, 99 % in {worst:.3f} s; descriptors {descriptors}"
    )
    print(f"again {again:.1f} s after; memory {memory:.1f} MiB, then {after:.1f}")
    assert healthy.refused == []
    assert len(healthy.took) >= healthy.lanes
    _ended_in_time(ends, attack)
    assert after <= memory * 1.1
    assert "Traceback" not in server.said()
    assert_books_balance(server.data_dir)


def _ended_in_time(ends: dict[str, list[End]], attack: Attack) -> None:
    assert ends.keys() == attack.patience.keys()
    for name, deadline in attack.patience.items():
        said = sorted(end.said for end in ends[name])
        closed = max(end.closed for end in ends[name])
        print(f"{name}: told so after {said[0]:.1f} to {said[-1]:.1f} s, closed by {closed:.1f} s")
        if "body" in name:
            assert 0.8 * deadline < said[0], name
            assert said[-1] < deadline + SLACK, name
            assert {end.status for end in ends[name]} == {408}, name
            # After its answer it is an idle connection like any other.
            deadline += HEAD
        assert closed < deadline + SLACK, name


@pytest.mark.timeout(400)
async def test_slow_and_stalled_clients_and_those_who_hang_up_harm_neither_server(
    tmp_path: Path,
) -> None:
    attack = Attack(
        slow=100,
        aborted=300,
        stalled=5,
        seconds=5,
        first_byte=1,
        patience={"stalled in its head": HEAD, "stalled before its body": 1},
    )
    with ExitStack() as stack:
        servers = [
            stack.enter_context(
                running_server(tmp_path / kind, server=kind, env=environment(attack))
            )
            for kind in KINDS
        ]
        for server in servers:
            server.key()
        await asyncio.gather(*(withstand(server, attack) for server in servers))


@pytest.mark.thorough
@pytest.mark.parametrize("kind", KINDS)
async def test_also_when_there_are_thousands_of_them(
    tmp_path: Path, kind: Literal["granian", "uvicorn"]
) -> None:
    attack = Attack(
        slow=500,
        aborted=5000,
        stalled=100,
        seconds=45,
        first_byte=5,
        patience={
            "silent": HEAD,
            "stalled in its head": HEAD,
            "idle after an answer": HEAD,
            "stalled before its body": 5,
            "stalled in its body": 30,
        },
    )
    with running_server(tmp_path / "data", server=kind, env=environment(attack)) as server:
        await withstand(server, attack)


@pytest.mark.thorough
@pytest.mark.parametrize("kind", KINDS)
async def test_an_upload_below_the_lowest_rate_is_refused_after_half_a_minute(
    tmp_path: Path, kind: Literal["granian", "uvicorn"]
) -> None:
    with running_server(tmp_path / "data", server=kind) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(head(server))
        loop = asyncio.get_running_loop()
        began = loop.time()
        reading = asyncio.create_task(reader.read(1000))
        while not reading.done():
            writer.write(b"x" * 100)
            await asyncio.wait([reading], timeout=0.5)
            assert loop.time() < began + 30 + SLACK
        assert reading.result().startswith(b"HTTP/1.1 408")
        assert loop.time() > began + 24
        writer.close()
