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
#: Seconds between two looks at how far it has come, and in all: what is left by then is left.
_EVERY = 0.1
_LONGEST = 120

_EVERY_SECOND = {"COATCHECK_REAP_EVERY": "1"}

# That a row is not claimed is said for the sake of the index: to look must not take the time of those who work.
_BEGUN = """
SELECT EXISTS (SELECT 1 FROM attachments WHERE state <> 'claimed' AND state IN ('expired', 'purging', 'purged'))
"""
_DUE = """
FROM attachments
WHERE state <> 'claimed' AND state IN ('detached', 'expired', 'purging') AND expires_at < :now
"""
_ANY_LEFT = f"SELECT EXISTS (SELECT 1 {_DUE})"
_LEFT = f"SELECT count(*) {_DUE}"


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
                load = _deposits(session, peer, 2 * _LONGEST)
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
    """Rows a second, to the end or as far as it came. Raises Failed where no sweep began."""
    now = time.time_ns() // 1_000_000
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=60)) as connection:

        def ask(query: str) -> int:
            return int(connection.execute(query, {"now": now}).fetchone()[0])

        waited = time.monotonic()
        while not ask(_BEGUN):
            if time.monotonic() > waited + _LONGEST:
                raise Failed("no sweep began")
            time.sleep(_EVERY)
        began = time.monotonic()
        while ask(_ANY_LEFT) and time.monotonic() < began + _LONGEST:
            time.sleep(_EVERY)
        took = time.monotonic() - began
        return (rows - ask(_LEFT)) / took
