"""Reaping a database of expired attachments while deposits go on."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.filling import fill
from bench.load import wrk
from bench.measuring import Measure, Sample
from bench.outcomes import Failed
from bench.peers import coatcheck
from bench.peers.peer import Peer
from bench.session import Session

KEPT = "deposits meanwhile ÷ alone"

_CONNECTIONS = 32
#: Seconds between two looks at how far it has come, and in all.
_EVERY = 0.25
_LONGEST = 400

_EVERY_SECOND = {"COATCHECK_REAP_EVERY": "1"}

_LEFT = """
SELECT count(*) FROM attachments WHERE id <= :rows AND state IN ('detached', 'expired', 'purging')
"""
_UNTOUCHED = "SELECT count(*) FROM attachments WHERE id <= :rows AND state = 'detached'"


@dataclass(frozen=True, kw_only=True)
class Reaping:
    """Rows a second from the first that expires to the last that is purged, by the server's own reaper."""

    unit: str = "rows/s"

    @property
    def title(self) -> str:
        return "coatcheck"

    def prepare(self, session: Session) -> Measure:
        rows = session.scale.expired

        def measure() -> Sample:
            data = session.new_directory("expired") / "data"
            key = fill(data, rows, expired=True)
            with session.briefly(partial(coatcheck.start, data=data, key=key)) as peer:
                alone = _deposits(session, peer, session.scale.seconds + 1).result().sound(peer)
            sweeping = partial(coatcheck.start, data=data, key=key, env=_EVERY_SECOND)
            with session.briefly(sweeping) as peer:
                load = _deposits(session, peer, _LONGEST)
                try:
                    rate = _reaped(data / "coatcheck.db", rows)
                except BaseException:
                    load.kill()
                    raise
                meanwhile = load.end().sound(peer)
            return Sample(
                rate,
                {
                    "deposits/s alone": alone.rate,
                    "deposits/s meanwhile": meanwhile.rate,
                    KEPT: meanwhile.rate / alone.rate,
                },
            )

        return measure


def _deposits(session: Session, peer: Peer, seconds: float) -> wrk.Running:
    size = session.scale.small
    arguments = wrk.depositing(peer.uploads["raw"](size), size)
    return wrk.Running(peer.url, "deposits.lua", arguments, _CONNECTIONS, seconds)


def _reaped(database: Path, rows: int) -> float:
    """Rows a second. Raises Failed when there is no end to it."""
    deadline = time.monotonic() + _LONGEST
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=60)) as connection:

        def count(query: str) -> int:
            return int(connection.execute(query, {"rows": rows}).fetchone()[0])

        began = time.monotonic()
        while count(_UNTOUCHED) == rows:
            began = time.monotonic()
            _pause(deadline, "no sweep began")
        while left := count(_LEFT):
            _pause(deadline, f"{left} of {rows} were left after {_LONGEST} s")
        return rows / (time.monotonic() - began)


def _pause(deadline: float, otherwise: str) -> None:
    if time.monotonic() > deadline:
        raise Failed(otherwise)
    time.sleep(_EVERY)
