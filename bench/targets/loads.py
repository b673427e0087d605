"""How many uploads are kept in a second, and how long the slowest of a hundred takes: alone, and in a crowd."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Literal

from bench.load import wrk
from bench.measuring import Measure, Sample
from bench.outcomes import Failed
from bench.peers.fastapi import ROOT
from bench.peers.peer import Upload
from bench.session import Session
from bench.targets.places import database, nodes, served
from tests.e2e.server import Server

PATH = "/coatcheck/v1/attachments"
P99 = "99 % within, ms"


def load(server: Server, size: int, connections: int, seconds: float) -> wrk.Load:
    """Raises Failed where anything was refused, or nothing was kept in a second."""
    how = Upload(path=PATH, headers=server.headers())
    arguments = wrk.depositing(how, size)
    done = wrk.run(
        server.url, "deposits.lua", arguments, connections=connections, seconds=max(1.0, seconds)
    )
    if done.refused or not done.answered:
        raise Failed(f"{done.refused} of {done.refused + done.answered} uploads were refused")
    return done


@dataclass(frozen=True, kw_only=True)
class Uploads:
    """Of 64 KiB, from 32 connections."""

    database: Literal["SQLite", "PostgreSQL"]
    unit: str = "req/s"

    @property
    def title(self) -> str:
        return self.database

    def prepare(self, session: Session) -> Measure:
        scale = session.scale

        def measure() -> Sample:
            with ExitStack() as stack:
                server = stack.enter_context(self._served(session))
                if scale.warm_up:
                    load(server, scale.inlined, 32, scale.warm_up)
                done = load(server, scale.inlined, 32, scale.seconds)
            return Sample(done.rate, {P99: 1000 * done.p99})

        return measure

    @contextmanager
    def _served(self, session: Session) -> Iterator[Server]:
        with ExitStack() as stack:
            env = {}
            if self.database == "PostgreSQL":
                running = stack.enter_context(database())
                env["COATCHECK_DATABASE_URL"] = running.make("targets", "coatcheck_template")
            yield stack.enter_context(served(session, **env))


@dataclass(frozen=True, kw_only=True)
class Fast:
    """The slowest of a hundred small uploads from 64 connections; `crowd`: beside idle connections and slow clients."""

    crowd: bool
    unit: str = "ms"

    @property
    def title(self) -> str:
        return "in a crowd" if self.crowd else "alone"

    def prepare(self, session: Session) -> Measure:
        scale = session.scale

        def measure() -> Sample:
            with ExitStack() as stack:
                server = stack.enter_context(served(session))
                seconds = max(2.0, 2 * scale.seconds)
                if self.crowd:
                    stack.enter_context(
                        _crowd(server, scale.idle_connections, scale.slow_clients, seconds + 5)
                    )
                done = load(server, scale.small, 64, scale.seconds)
            return Sample(1000 * done.p99, {"uploads a second": done.rate})

        return measure


@dataclass(frozen=True, kw_only=True)
class Nodes:
    """Uploads a second through so many nodes on one PostgreSQL; clients are to see none of its deadlocks."""

    count: int
    unit: str = "req/s"

    @property
    def title(self) -> str:
        return f"{self.count} nodes"

    def prepare(self, session: Session) -> Measure:
        scale = session.scale

        def measure() -> Sample:
            with nodes(session, self.count) as servers, ThreadPoolExecutor(self.count) as pool:
                each = [
                    pool.submit(load, server, scale.small, 32 // self.count, scale.seconds)
                    for server in servers
                ]
                return Sample(sum(future.result().rate for future in each))

        return measure


@contextmanager
def _crowd(server: Server, idle: int, slow: int, seconds: float) -> Iterator[None]:
    """Raises Failed where one of them was not served to the end."""
    key = server.headers()["Authorization"]
    commands = [
        ["bench.load.trickling", server.url, PATH, key, str(slow), str(seconds)],
        ["bench.load.idling", server.url, str(idle), str(seconds)],
    ]
    running = [
        subprocess.Popen(
            [sys.executable, "-m", *command], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        for command in commands
    ]
    try:
        yield
        for each in running:
            said, _ = each.communicate(timeout=seconds + 120)
            if each.returncode:
                raise Failed(f"the crowd: {said}")
    finally:
        for each in running:
            each.kill()
            each.wait()
