"""Pages of lists among a million attachments, and what a sweep does to uploads beside it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from statistics import quantiles
from typing import Any
from urllib.parse import urlsplit

import requests

from bench.filling import Filled, fill, filled
from bench.load import wrk
from bench.measuring import Measure, Sample
from bench.outcomes import Failed
from bench.peers import coatcheck
from bench.peers.peer import Peer
from bench.session import Session
from bench.workloads.reaping import Sweep

_PER_PAGE = 10
DEEP = "page 10,000 by its number, ms"
UPLOADS = "uploads' 99 % meanwhile ÷ alone"


@dataclass(frozen=True, kw_only=True)
class Page:
    """The slowest of a hundred pages that follow one another."""

    unit: str = "ms"
    title: str = "coatcheck"

    def prepare(self, session: Session) -> Measure:
        data: Filled = filled(session, session.scale.many)
        start = partial(coatcheck.start, data=data.directory, key=data.key)
        peer = session.peer("coatcheck among many", start)

        def measure() -> Sample:
            took = _walk(peer, 4 * session.scale.calls)
            # A list that is shorter is asked for a page that it does not have.
            deep = _deep(peer)
            return Sample(quantiles(took, n=100)[98], {DEEP: deep, "pages": len(took)})

        return measure


@dataclass(frozen=True, kw_only=True)
class Expiring:
    """Seconds in which ten thousand expired attachments go while 32 connections leave others."""

    unit: str = "s"
    title: str = "coatcheck"

    def prepare(self, session: Session) -> Measure:
        scale = session.scale

        def measure() -> Sample:
            data = session.new_directory("expired") / "data"
            key = fill(data, scale.due, expired=True)
            # The first sweep begins after half of this at the earliest.
            env = {"COATCHECK_REAP_EVERY": str(int(4 * scale.seconds) + 4)}
            with session.briefly(partial(coatcheck.start, data=data, key=key, env=env)) as peer:
                alone = _uploads(session, peer, scale.seconds)
                with wrk.Running(*_asked(session, peer), 32, 600) as running:
                    sweep = Sweep(data / "coatcheck.db", scale.due)
                    try:
                        rate = sweep.watched()
                    finally:
                        sweep.close()
                    meanwhile = running.end().sound(peer)
            return Sample(scale.due / rate, {UPLOADS: meanwhile.p99 / alone.p99})

        return measure


def _uploads(session: Session, peer: Peer, seconds: float) -> wrk.Load:
    url, script, arguments = _asked(session, peer)
    return wrk.run(url, script, arguments, connections=32, seconds=seconds).sound(peer)


def _asked(session: Session, peer: Peer) -> tuple[str, str, list[str]]:
    size = session.scale.small
    return peer.url, "deposits.lua", wrk.depositing(peer.uploads["raw"](size), size)


def _walk(peer: Peer, pages: int) -> list[float]:
    """Milliseconds of each page, from the first on; from the last it begins anew."""
    took: list[float] = []
    first = f"/coatcheck/v1/attachments?limit={_PER_PAGE}"
    with requests.Session() as client:
        client.headers.update(peer.headers)
        path = first
        while len(took) < max(2, pages):
            answer = _asked_for(client, peer.url + path)
            took.append(1000 * answer.elapsed.total_seconds())
            after: Any = answer.links.get("next", {}).get("url")
            path = f"{urlsplit(after).path}?{urlsplit(after).query}" if after else first
    return took


def _deep(peer: Peer) -> float:
    """The middle one of five."""
    with requests.Session() as client:
        client.headers.update(peer.headers)
        url = f"{peer.url}/api/files?page=10000&per_page={_PER_PAGE}"
        took = sorted(_asked_for(client, url).elapsed.total_seconds() for _ in range(5))
    return 1000 * took[2]


def _asked_for(client: requests.Session, url: str) -> requests.Response:
    answer = client.get(url, timeout=120)
    if not answer.ok:
        raise Failed(f"{url} answered {answer.status_code}: {answer.text[:200]}")
    return answer
