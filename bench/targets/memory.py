"""Memory: by the size of one upload, full of clients, and with a disk that is slow."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.load import curl
from bench.measuring import Measure, Sample
from bench.memory import Watch, used_by
from bench.outcomes import Failed
from bench.processes import program
from bench.scale import MIB
from bench.session import Session
from bench.workloads.remembering import trickle


@dataclass(frozen=True, kw_only=True)
class BySize:
    """How much more the largest of three uploads makes of the worker's peak than the smallest."""

    unit: str = "MiB"
    title: str = "coatcheck"

    def prepare(self, session: Session) -> Measure:
        peer = session.peer("coatcheck")
        scale = session.scale
        files = [session.payload(size) for size in (MIB, min(64 * MIB, scale.big), scale.big)]

        def measure() -> Sample:
            how = peer.uploads["raw"](0)
            peer.forget(curl.upload(peer, how, files[-1]))  # what it once had, it keeps
            peaks = []
            for file in files:
                _forget_peak(peer.child.pid)
                peer.forget(curl.upload(peer, how, file))
                peaks.append(_peak(peer.child.pid))
            return Sample(peaks[-1] - peaks[0], {"peak, MiB": peaks[-1]})

        return measure


@dataclass(frozen=True, kw_only=True)
class Full:
    """The worker's peak, with 64 uploads and 500 slow clients at once."""

    unit: str = "MiB"
    title: str = "coatcheck"

    def prepare(self, session: Session) -> Measure:
        scale = session.scale
        file = session.payload(scale.medium)
        number = 4 * scale.uploads

        def measure() -> Sample:
            with session.fresh("coatcheck") as peer, Watch(peer.child.pid) as watch:
                piece = curl.Piece(file=file, upload=peer.uploads["raw"](scale.medium), fields={})
                last = session.new_directory("heads") / "last"
                with ThreadPoolExecutor(1) as pool:
                    slow = pool.submit(trickle, peer, scale.slow_clients, scale.slow_seconds)
                    curl.upload_all(peer, [piece] * number, last, parallel=number)
                    slow.result()
            return Sample(watch.peak.worker, {"uploads": number, "slow": scale.slow_clients})

        return measure


@dataclass(frozen=True, kw_only=True)
class SlowDisk:
    """What an upload adds where each write takes a fifth of a second, while its sender is fast."""

    unit: str = "MiB"
    title: str = "coatcheck"

    def prepare(self, session: Session) -> Measure:
        scale = session.scale
        number, file = scale.uploads, session.payload(scale.chunk)
        program("strace")

        def measure() -> Sample:
            with session.fresh("coatcheck") as peer:
                piece = curl.Piece(file=file, upload=peer.uploads["raw"](scale.chunk), fields={})
                last = session.new_directory("heads") / "last"
                curl.upload_all(peer, [piece] * number, last, parallel=number)
                rest = used_by(peer.child.pid).worker
                with _slow_writes(_worker(peer.child.pid).pid), Watch(peer.child.pid) as watch:
                    took, _ = curl.upload_all(peer, [piece] * number, last, parallel=number)
            return Sample((watch.peak.worker - rest) / number, {"seconds": took})

        return measure


@contextmanager
def _slow_writes(pid: int) -> Iterator[None]:
    """Raises Failed where strace may not look into other processes."""
    command = [program("strace"), "-f", "-qq", "-o", "/dev/null", "-p", str(pid)]
    command += ["-e", "trace=writev", "-e", "inject=writev:delay_enter=200000"]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        status = Path(f"/proc/{pid}/status")
        while "TracerPid:\t0" in status.read_text():
            if tracer.poll() is not None:
                raise Failed(f"strace: {tracer.communicate()[1]}")
        yield
    finally:
        tracer.terminate()
        tracer.wait()


def _worker(pid: int) -> psutil.Process:
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return max(family, key=lambda each: each.memory_info().rss)


def _forget_peak(pid: int) -> None:
    Path(f"/proc/{_worker(pid).pid}/clear_refs").write_text("5")


def _peak(pid: int) -> float:
    for line in Path(f"/proc/{_worker(pid).pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise Failed("this kernel tells no peak")
