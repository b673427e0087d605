"""Reaping a database of expired attachments while deposits go on."""

from __future__ import annotations

import math
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
            before = session.scale.seconds + 1
            # The first sweep begins after half of this at the earliest.
            env = {"COATCHECK_REAP_EVERY": str(math.ceil(2 * before))}
            with session.briefly(partial(coatcheck.start, data=data, key=key, env=env)) as peer:
                with _deposits(session, peer) as deposits:
                    alone = deposits.end_after(session.scale.seconds).sound(peer)
                with _deposits(session, peer):
                    sweep = Sweep(data / "coatcheck.db", rows)
                with closing(sweep), _deposits(session, peer) as deposits:
                    rate = sweep.watched()
                    meanwhile = deposits.end().sound(peer)
            return Sample(
                rate,
                {
                    "deposits/s alone": alone.rate,
                    "deposits/s meanwhile": meanwhile.rate,
                    KEPT: meanwhile.rate / max(alone.rate, 1),
                },
            )

        return measure


class Sweep:
    """A sweep that has begun. Raises Failed where none does."""

    def __init__(self, database: Path, rows: int) -> None:
        self._rows = rows
        self._now = time.time_ns() // 1_000_000
        self._connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=60)
        waited = time.monotonic()
        while not self._ask(_BEGUN):
            if time.monotonic() > waited + _LONGEST:
                raise Failed("no sweep began")
            time.sleep(_EVERY)
        self._began = time.monotonic()

    def watched(self) -> float:
        """Rows a second, to the end or as far as it came."""
        while self._ask(_ANY_LEFT) and time.monotonic() < self._began + _LONGEST:
            time.sleep(_EVERY)
        took = time.monotonic() - self._began
        return (self._rows - self._ask(_LEFT)) / max(took, _EVERY)

    def close(self) -> None:
        self._connection.close()

    def _ask(self, query: str) -> int:
        return int(self._connection.execute(query, {"now": self._now}).fetchone()[0])


def _deposits(session: Session, peer: Peer) -> wrk.Running:
    """From many connections, until they are ended."""
    size = session.scale.small
    arguments = wrk.depositing(peer.uploads["raw"](size), size)
    return wrk.Running(peer.url, "deposits.lua", arguments, _CONNECTIONS, 2 * _LONGEST)
