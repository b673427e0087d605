"""curl: one connection, a file from the page cache. No `Expect: 100-continue`, for anybody."""

from __future__ import annotations

import secrets
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from pathlib import Path

from bench.outcomes import Failed
from bench.peers.peer import Answer, Peer, Upload
from bench.processes import program

_TOLD = "%{http_code} %{time_total}\n"
_LONGEST = 900


@dataclass(frozen=True, kw_only=True)
class Piece:
    """One request of several: a file, and how it is sent. `fields` are of the form."""

    file: Path
    upload: Upload
    fields: Mapping[str, str]


def upload(peer: Peer, how: Upload, file: Path) -> Answer:
    """Send the file. Raises Skipped; Failed on any answer but a 2xx."""
    heads = peer.child.log.with_name("heads")
    ran = _run([*_sending(peer.url, how, file, {}), "-D", str(heads), "-w", f"\n{_TOLD}"])
    body, _, told = ran.rstrip(b"\n").rpartition(b"\n")
    status, seconds = told.decode().split()
    answer = Answer(status=int(status), seconds=float(seconds), headers=last_head(heads), body=body)
    if not 200 <= answer.status < 300:
        raise Failed(f"{peer.name} answered {answer.status}: {body[:500]!r}")
    return answer


def upload_all(
    peer: Peer, pieces: Sequence[Piece], last: Path, *, parallel: int = 1
) -> tuple[float, list[float]]:
    """All from one process; seconds in all, and of each. The answer to the last that ended is left in `last`."""
    command: list[str] = []
    for piece in pieces:
        command += ["--next"] if command else []
        command += _sending(peer.url, piece.upload, piece.file, piece.fields)
        command += ["-D", str(last), "-o", "/dev/null", "-w", _TOLD]
    began = time.perf_counter()
    side_by_side = ["--parallel", "--parallel-max", str(parallel)] if parallel > 1 else []
    told = _run([*side_by_side, *command]).decode().split()
    took = time.perf_counter() - began
    if bad := [status for status in told[::2] if not status.startswith("2")]:
        raise Failed(f"{peer.name} answered {bad[0]}, and {len(bad) - 1} times more no 2xx")
    return took, [float(seconds) for seconds in told[1::2]]


def download(url: str, headers: Mapping[str, str]) -> float:
    """Fetch and throw away; seconds."""
    told = _run([*_headers(headers), "-o", "/dev/null", "-w", _TOLD, url])
    status, seconds = told.decode().split()
    if status != "200":
        raise Failed(f"{url} answered {status}")
    return float(seconds)


def _sending(url: str, how: Upload, file: Path, fields: Mapping[str, str]) -> list[str]:
    target = url + how.path.replace("{n}", secrets.token_hex(16))
    if how.field:
        form = [f"{name}={value}" for name, value in fields.items()] + [f"{how.field}=@{file}"]
        body = [part for each in form for part in ("-F", each)]
    else:
        body = ["-X", how.method, "-T", str(file)]
    return [*body, *_headers({"Expect": "", **how.headers}), target]


def _headers(headers: Mapping[str, str]) -> list[str]:
    return [part for name, value in headers.items() for part in ("-H", f"{name}: {value}".strip())]


def _run(arguments: Sequence[str]) -> bytes:
    ran = subprocess.run(
        [program("curl"), "-sS", *arguments], capture_output=True, check=False, timeout=_LONGEST
    )
    if ran.returncode:
        raise Failed(f"curl ended with {ran.returncode}: {ran.stderr.decode()[:500]}")
    return ran.stdout


def last_head(file: Path) -> dict[str, str]:
    head = file.read_bytes().rstrip().rpartition(b"\r\n\r\n")[2]
    fields = BytesHeaderParser().parsebytes(head.partition(b"\r\n")[2])
    return {name.lower(): value for name, value in fields.items()}
