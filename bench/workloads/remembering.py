"""How much memory the server takes: at rest, with large files, with many clients at once."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict, dataclass
from typing import Literal

from bench.load import curl
from bench.measuring import Measure, Sample
from bench.memory import Memory, Watch, used_by
from bench.outcomes import Failed
from bench.peers.fastapi import ROOT
from bench.peers.peer import Peer
from bench.session import Session


@dataclass(frozen=True, kw_only=True)
class AtRest:
    """A server that has done nothing yet."""

    peer: str = "coatcheck"
    unit: str = "MiB"

    @property
    def title(self) -> str:
        return self.peer

    def prepare(self, session: Session) -> Measure:
        peer = session.peer(self.peer)
        return lambda: _sample(used_by(peer.child.pid))


@dataclass(frozen=True, kw_only=True)
class WithLargeFile:
    """The most while and after one large file is left."""

    peer: str = "coatcheck"
    unit: str = "MiB"

    @property
    def title(self) -> str:
        return self.peer

    def prepare(self, session: Session) -> Measure:
        peer = session.peer(self.peer)
        size = session.scale.big
        file = session.payload(size)

        def measure() -> Sample:
            with Watch(peer.child.pid) as watch:
                answer = curl.upload(peer, peer.uploads["raw"](size), file)
                after = used_by(peer.child.pid)
            peer.forget(answer)
            return _sample(watch.peak, after=after)

        return measure


@dataclass(frozen=True, kw_only=True)
class PerUpload:
    """What each of many uploads at once adds to a server at rest: fast ones of medium files, or slow clients."""

    clients: Literal["fast", "slow"]
    peer: str = "coatcheck"
    unit: str = "MiB"

    @property
    def title(self) -> str:
        return f"{self.peer}, {self.clients} clients"

    def prepare(self, session: Session) -> Measure:
        scale = session.scale
        file = session.payload(scale.medium)

        def measure() -> Sample:
            # A new server each time: what memory a process once had, it keeps.
            with session.fresh(self.peer) as peer:
                rest = used_by(peer.child.pid)
                with Watch(peer.child.pid) as watch:
                    if self.clients == "fast":
                        number = scale.uploads
                        how = peer.uploads["raw"](scale.medium)
                        pieces = [curl.Piece(file=file, upload=how, fields={})] * number
                        last = session.new_directory("heads") / "last"
                        curl.upload_all(peer, pieces, last, parallel=number)
                    else:
                        number = scale.slow_clients
                        trickle(peer, number, scale.slow_seconds)
            peak = watch.peak
            return Sample(
                (peak.worker - rest.worker) / number,
                {"clients": number, "idle worker": rest.worker, **_named(peak, "peak ")},
            )

        return measure


def trickle(peer: Peer, clients: int, seconds: float) -> None:
    """Raises Failed unless every client was still welcome at the end."""
    command = [sys.executable, "-m", "bench.load.trickling", peer.url, peer.uploads["raw"](1).path]
    ran = subprocess.run(
        [*command, peer.headers["Authorization"], str(clients), str(seconds)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if ran.returncode:
        raise Failed(f"slow clients: {ran.stdout}{ran.stderr[-1000:]}")


def _sample(memory: Memory, **others: Memory) -> Sample:
    details = _named(memory, "")
    for name, other in others.items():
        details |= _named(other, f"{name} ")
    return Sample(memory.worker, details)


def _named(memory: Memory, prefix: str) -> dict[str, float]:
    return {f"{prefix}{name}": figure for name, figure in asdict(memory).items()}
