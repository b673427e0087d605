"""Plain FastAPI apps under uvicorn, one worker."""

from __future__ import annotations

import os
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from bench.outcomes import Skipped
from bench.peers.files import empty
from bench.peers.peer import Peer, Upload
from bench.processes import Child, free_port

ROOT = Path(__file__).parent.parent.parent


def start(directory: Path, *, app: str, field: str) -> Peer:
    """`app` is a module beside this one; `field`: that of its form, empty for raw bodies. Raises Skipped."""
    if find_spec("aiofiles") is None:
        raise Skipped("aiofiles is not installed (it comes with the extra «bench»)")
    files = directory / "files"
    spooled = directory / "spooled"
    files.mkdir()
    spooled.mkdir()
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", f"bench.peers.{app}:app", "--port", str(port)]
    child = Child(
        [*command, "--no-access-log", "--log-level", "warning"],
        log=directory / "log",
        # Starlette spools forms to the temporary directory: to the same disk as everything else.
        env={**os.environ, "BENCH_DIRECTORY": str(files), "TMPDIR": str(spooled)},
        cwd=ROOT,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        child.wait_until_it_answers(f"{url}/openapi.json")
    except BaseException:
        child.kill()
        raise
    upload = Upload(path="/files", field=field)
    return Peer(
        name=f"FastAPI {app}",
        url=url,
        child=child,
        directory=files,
        uploads={"form" if field else "raw": lambda _: upload},
        forget=partial(empty, files),
    )
