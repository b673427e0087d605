"""Deposits: one large file on one connection, and many small ones on many."""

from __future__ import annotations

from dataclasses import dataclass

from bench.load import curl, wrk
from bench.measuring import Measure, Sample
from bench.scale import MIB
from bench.session import Session


@dataclass(frozen=True, kw_only=True)
class OneFile:
    """A file of `size` (a field of the scale), sent by curl; each is forgotten before the next."""

    peer: str
    size: str = "big"
    way: str = "raw"
    unit: str = "MiB/s"

    @property
    def title(self) -> str:
        return self.peer

    def prepare(self, session: Session) -> Measure:
        peer = session.peer(self.peer)
        size = getattr(session.scale, self.size)
        file = session.payload(size)
        how = peer.uploads[self.way](size)

        def measure() -> Sample:
            answer = curl.upload(peer, how, file)
            peer.forget(answer)
            return Sample(size / MIB / answer.seconds)

        return measure


@dataclass(frozen=True, kw_only=True)
class ManyFiles:
    """Files of `size`, all different, from so many connections at once, by wrk; they are all kept."""

    peer: str
    connections: int
    size: str = "small"
    way: str = "raw"
    sustained: bool = False
    unit: str = "req/s"

    @property
    def title(self) -> str:
        return self.peer

    def prepare(self, session: Session) -> Measure:
        peer = session.peer(self.peer)
        scale = session.scale
        size = getattr(scale, self.size)
        how = peer.uploads[self.way](size)

        def load(seconds: float) -> wrk.Load:
            return wrk.run(
                peer.url,
                "deposits.lua",
                wrk.depositing(how, size),
                connections=self.connections,
                seconds=seconds,
            )

        if before := scale.sustained if self.sustained else scale.warm_up:
            load(before)

        def measure() -> Sample:
            done = load(scale.seconds)
            if self.peer.startswith("coatcheck"):
                done.sound(peer)
            return Sample(done.rate, {"refused": done.refused} if done.refused else {})

        return measure


@dataclass(frozen=True, kw_only=True)
class Mixed:
    """Each attachment is left, and then claimed or, one in five, deleted."""

    peer: str
    connections: int
    unit: str = "req/s"

    @property
    def title(self) -> str:
        return self.peer

    def prepare(self, session: Session) -> Measure:
        peer = session.peer(self.peer)
        scale = session.scale

        def measure() -> Sample:
            arguments = [wrk.new_run(), str(scale.small), *wrk.flat(peer.headers)]
            done = wrk.run(
                peer.url,
                "mixed.lua",
                arguments,
                connections=self.connections,
                seconds=scale.seconds,
            )
            return Sample(done.sound(peer).rate)

        return measure
