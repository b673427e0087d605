"""A run: its directory, its payloads, its servers. At its end nothing of it is left."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.peers.peer import Peer
from bench.scale import MIB, Scale

Start = Callable[[Path], Peer]


class Session:
    """`row()` is the life of what a row opens; with shared peers that is the life of the run."""

    def __init__(self, directory: Path, scale: Scale, cache: Path) -> None:
        self.directory = directory
        self.scale: Scale = scale
        self.cache: Path = cache
        self._peers: dict[str, Peer] = {}
        self._payloads: dict[int, Path] = {}
        self._number = 0
        self._run = ExitStack()
        self._row = self._run

    @contextmanager
    def row(self) -> Iterator[None]:
        with ExitStack() as ends:
            if not self.scale.shared_peers:
                self._row = ends
            try:
                yield
            finally:
                if not self.scale.shared_peers:
                    self._peers.clear()

    def new_directory(self, name: str) -> Path:
        """Empty, and gone at the end of the row."""
        self._number += 1
        made = self.directory / f"{self._number}-{name}"
        made.mkdir()
        self._row.callback(shutil.rmtree, made, ignore_errors=True)
        return made

    def peer(self, name: str, start: Start | None = None) -> Peer:
        """That server, running; how it is started is known, or told. Raises Skipped, Failed."""
        from bench.peers import PEERS

        if name not in self._peers:
            self._peers[name] = self.started(start or PEERS[name](self))
        return self._peers[name]

    def started(self, start: Start) -> Peer:
        """A server that only this caller uses, until the end of the row."""
        peer = start(self.new_directory("peer"))
        self._row.callback(peer.child.kill)
        return peer

    def obituaries(self) -> list[str]:
        """Of servers that nobody ended."""
        ends = [peer.child.obituary() for peer in self._peers.values()]
        return [end for end in ends if end]

    @contextmanager
    def fresh(self, name: str) -> Iterator[Peer]:
        """That server, for this block only, unless servers are shared."""
        from bench.peers import PEERS

        if self.scale.shared_peers:
            yield self.peer(name)
        else:
            with self.briefly(PEERS[name](self)) as peer:
                yield peer

    @contextmanager
    def briefly(self, start: Start) -> Iterator[Peer]:
        """A server for this block only."""
        peer = self.started(start)
        try:
            yield peer
        finally:
            peer.child.kill()

    def payload(self, size: int) -> Path:
        """A file of so many random bytes, in the page cache."""
        if size not in self._payloads:
            file = self.directory / f"payload-{size}"
            with file.open("wb") as out:
                for start in range(0, size, MIB):
                    out.write(os.urandom(min(MIB, size - start)))
            self._payloads[size] = file
        return self._payloads[size]

    def pieces(self, size: int, piece: int) -> list[Path]:
        """The payload of that size, cut: the last piece may be shorter."""
        made = self.new_directory("pieces")
        pieces: list[Path] = []
        with self.payload(size).open("rb") as whole:
            while content := whole.read(piece):
                file = made / f"{len(pieces):04}"
                file.write_bytes(content)
                pieces.append(file)
        return pieces

    def close(self) -> None:
        self._run.close()


@contextmanager
def open_session(parent: Path, scale: Scale, cache: Path) -> Iterator[Session]:
    """In a fresh directory below `parent`; whatever ends the block, servers and directory go."""
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="run-", dir=parent, ignore_cleanup_errors=True) as made:
        session = Session(Path(made), scale, cache)
        try:
            yield session
        finally:
            session.close()
