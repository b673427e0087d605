"""Stopping and starting: how long it takes, and what becomes of uploads in hand."""

from __future__ import annotations

import os
import signal
import socket
import time
from dataclasses import dataclass

from bench.filling import fill
from bench.measuring import Measure, Sample
from bench.outcomes import Failed
from bench.session import Session
from bench.targets.places import NEVER, QUIET, served
from tests.e2e.server import Server, running_server
from tests.hostile.stalling import head

_LENGTH = 100_000


@dataclass(frozen=True, kw_only=True)
class Drain:
    """Seconds from the stop signal to the exit, with an upload that ends in time and one that does not."""

    unit: str = "s"
    title: str = "coatcheck"

    def prepare(self, session: Session) -> Measure:
        graceful = session.scale.graceful

        def measure() -> Sample:
            # The lowest rate is looked at over as long a time, and would answer first.
            patient = {"COATCHECK_GRACEFUL_TIMEOUT": str(graceful), "COATCHECK_MIN_RATE": "0"}
            with served(session, **patient) as server:
                ends, never = _half_sent(server), _half_sent(server)
                began = time.monotonic()
                server.process.send_signal(signal.SIGTERM)
                closed = _seconds_until_closed(server, began)
                ends.sendall(b"x" * (_LENGTH // 2))
                statuses = [_status(ends), _status(never)]
                status = server.process.wait(graceful + 60)
                took = time.monotonic() - began
                ends.close()
                never.close()
            if statuses != [201, 503] or status:
                raise Failed(
                    f"the uploads were answered {statuses}, and the exit status is {status}"
                )
            with served(session) as server, _half_sent(server):
                server.process.send_signal(signal.SIGTERM)
                _seconds_until_closed(server, time.monotonic())
                again = time.monotonic()
                server.process.send_signal(signal.SIGTERM)
                server.process.wait(60)
                second = time.monotonic() - again
            return Sample(took, {"listener closed, s": closed, "second signal, s": second})

        return measure


@dataclass(frozen=True, kw_only=True)
class Start:
    """Seconds until it is ready after `kill -9`, with a full database and files that nobody finished."""

    unit: str = "s"
    title: str = "coatcheck"

    def prepare(self, session: Session) -> Measure:
        scale = session.scale

        def measure() -> Sample:
            data = session.new_directory("full") / "data"
            fill(data, scale.expired)
            with running_server(data, env={**QUIET, "COATCHECK_REAP_EVERY": NEVER}) as server:
                server.kill()
                for number in range(scale.leftovers):
                    (data / "blobs" / "tmp" / f"left-{number}").touch()
                began = time.monotonic()
                server.restart()
                killed = time.monotonic() - began
                server.stop()
                began = time.monotonic()
                server.restart()
                stopped = time.monotonic() - began
            return Sample(killed, {"after a stop, s": stopped, "rows": scale.expired})

        return measure


def _half_sent(server: Server) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", server.port), timeout=120)
    expecting = head(server, _LENGTH).replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n")
    client.sendall(expecting)
    if b"100" not in client.recv(1000):
        raise Failed("an upload is not welcome")
    client.sendall(os.urandom(_LENGTH // 2))
    return client


def _status(client: socket.socket) -> int:
    try:
        return int(client.recv(1000)[9:12] or 0)
    except OSError:
        return 0


def _seconds_until_closed(server: Server, began: float) -> float:
    while time.monotonic() < began + 60:
        try:
            socket.create_connection(("127.0.0.1", server.port), timeout=5).close()
        except OSError:
            return time.monotonic() - began
        time.sleep(0.01)
    raise Failed("it goes on listening")
