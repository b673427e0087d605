"""One large file in chunks."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.load import curl
from bench.measuring import Measure, Sample
from bench.peers.peer import Answer, Peer, Upload
from bench.scale import MIB
from bench.session import Session

LAST = "last chunk ÷ median chunk"


@dataclass(frozen=True, kw_only=True)
class Chunks:
    """attach.fast's large_files: one after another on one connection; the last is answered when the file is whole."""

    peer: str
    unit: str = "MiB/s"

    @property
    def title(self) -> str:
        return f"{self.peer}, in chunks"

    def prepare(self, session: Session) -> Measure:
        peer = session.peer(self.peer)
        size = session.scale.big
        files = session.pieces(size, session.scale.chunk)
        how = Upload(path="/api/large_files", headers=peer.headers, field="file")
        last = session.new_directory("heads") / "last"

        def measure() -> Sample:
            key = f"bench-{secrets.token_hex(8)}.bin"
            pieces = [
                curl.Piece(
                    file=file,
                    upload=how,
                    fields={"chunk": str(n), "total_size": str(size), "key": key},
                )
                for n, file in enumerate(files, 1)
            ]
            took, each = curl.upload_all(peer, pieces, last)
            _forget(peer, last)
            return Sample(size / MIB / took, {LAST: each[-1] / median(each)})

        return measure


@dataclass(frozen=True, kw_only=True)
class ParallelRanges:
    """campr's Content-Range: four at a time."""

    peer: str
    parallel: int = 4
    unit: str = "MiB/s"

    @property
    def title(self) -> str:
        return f"{self.peer}, ranges"

    def prepare(self, session: Session) -> Measure:
        peer = session.peer(self.peer)
        size = session.scale.big
        files = session.pieces(size, session.scale.chunk)
        answers = session.new_directory("heads") / "last"

        def measure() -> Sample:
            pieces = _ranges(peer, files, size)
            took, _ = curl.upload_all(peer, pieces, answers, parallel=self.parallel)
            _forget_campr(peer, session.payload(size))
            return Sample(size / MIB / took)

        return measure


def _ranges(peer: Peer, files: Sequence[Path], size: int) -> list[curl.Piece]:
    id = secrets.token_hex(16)
    pieces = []
    start = 0
    for file in files:
        end = start + file.stat().st_size
        headers = {
            **peer.headers,
            "Client-Request-ID": id,
            "Content-Range": f"bytes {start}-{end - 1}/{size}",
        }
        how = Upload(path="/attachments", headers=headers)
        pieces.append(curl.Piece(file=file, upload=how, fields={}))
        start = end
    return pieces


def _forget(peer: Peer, last: Path) -> None:
    peer.forget(Answer(status=201, seconds=0, headers=curl.last_head(last), body=b""))


def _forget_campr(peer: Peer, payload: Path) -> None:
    import hashlib
    import json

    with payload.open("rb") as file:
        digest = hashlib.file_digest(file, "sha3_256").hexdigest()
    body = json.dumps({"attachment": {"digest": digest}}).encode()
    peer.forget(Answer(status=200, seconds=0, headers={}, body=body))
