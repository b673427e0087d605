"""Downloads: one large file on one connection, and small ones and ranges on many."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit

from bench.load import curl, wrk
from bench.measuring import Measure, Sample
from bench.peers.peer import Answer, Peer, Upload
from bench.scale import MIB
from bench.session import Session

#: Small files that are fetched in turn.
_FILES = 100


@dataclass(frozen=True, kw_only=True)
class WholeFile:
    """By curl, to nowhere; from the page cache."""

    peer: str
    unit: str = "MiB/s"

    @property
    def title(self) -> str:
        return self.peer

    def prepare(self, session: Session) -> Measure:
        peer = session.peer(self.peer)
        size = session.scale.big
        url = peer.url + _left(session, peer, size)

        def measure() -> Sample:
            return Sample(size / MIB / curl.download(url, peer.headers))

        return measure


@dataclass(frozen=True, kw_only=True)
class SmallReads:
    """By wrk: small files, or with `ranged` the small ranges of one large file."""

    peer: str
    connections: int
    ranged: bool = False
    unit: str = "req/s"

    @property
    def title(self) -> str:
        return self.peer

    def prepare(self, session: Session) -> Measure:
        peer = session.peer(self.peer)
        scale = session.scale
        paths = session.new_directory("paths") / "paths"
        headers = dict(peer.headers)
        if self.ranged:
            found = [_left(session, peer, scale.medium)]
            middle = scale.medium // 2
            headers["Range"] = f"bytes={middle}-{middle + scale.small - 1}"
        else:
            found = [_left(session, peer, scale.small) for _ in range(_FILES)]
        paths.write_text("".join(f"{path}\n" for path in found), encoding="utf-8")

        def measure() -> Sample:
            done = wrk.run(
                peer.url,
                "reads.lua",
                [str(paths), *wrk.flat(headers)],
                connections=self.connections,
                seconds=scale.seconds,
            )
            return Sample(done.sound(peer).rate)

        return measure


def _left(session: Session, peer: Peer, size: int) -> str:
    """The path of a file that was just left there."""
    how = peer.uploads["raw"](size)
    if how.method == "PUT":
        how = Upload(method="PUT", path=f"/kept-{secrets.token_hex(8)}")
    answer = curl.upload(peer, how, session.payload(size))
    return _content(answer, how)


def _content(answer: Answer, how: Upload) -> str:
    """Coatcheck names an attachment in Location, and its bytes beneath; where nginx was told to put them, they are."""
    if how.method == "PUT":
        return how.path
    return urlsplit(answer.headers["location"]).path + "/content"
