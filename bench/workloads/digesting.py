"""A digest of a file and nothing else, in a process of its own: what no upload that needs it can be faster than."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

from bench.measuring import Measure, Sample
from bench.scale import MIB
from bench.session import Session

_PROGRAM = """
import hashlib, sys, time
algorithm, file = sys.argv[1:]
digest = hashlib.new(algorithm)
piece = bytearray(1024 * 1024)
began = time.perf_counter()
with open(file, "rb", buffering=0) as source:
    while n := source.readinto(piece):
        digest.update(memoryview(piece)[:n])
digest.digest()
print(time.perf_counter() - began)
"""


@dataclass(frozen=True, kw_only=True)
class Digest:
    algorithm: str
    unit: str = "MiB/s"

    @property
    def title(self) -> str:
        return f"{self.algorithm} alone"

    def prepare(self, session: Session) -> Measure:
        size = session.scale.big
        file = session.payload(size)

        def measure() -> Sample:
            ran = subprocess.run(
                [sys.executable, "-c", _PROGRAM, self.algorithm, str(file)],
                capture_output=True,
                text=True,
                check=True,
                timeout=600,
            )
            return Sample(size / MIB / float(ran.stdout))

        return measure
