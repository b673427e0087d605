"""@tus/server with @tus/file-store: the tus project's server for Node.js. A deposit is a creation with upload."""

from __future__ import annotations

import json
import shutil
import subprocess
from functools import partial
from pathlib import Path

from bench.outcomes import Skipped
from bench.peers.files import empty
from bench.peers.peer import Peer, Upload
from bench.processes import Child, free_port, program

_HERE = Path(__file__).parent


def start(directory: Path, *, cache: Path, install: bool) -> Peer:
    """Its packages are kept in `cache`. Raises Skipped where there is no Node.js, or no packages."""
    node = program("node")
    home = _installed(cache / "tus", install=install)
    port = free_port()
    files = directory / "files"
    files.mkdir()
    child = Child([node, str(home / "server.js"), str(files), str(port)], log=directory / "log")
    url = f"http://127.0.0.1:{port}"
    try:
        child.wait_until_it_answers(f"{url}/files")
    except BaseException:
        child.kill()
        raise
    return Peer(
        name="@tus/server",
        url=url,
        child=child,
        directory=files,
        uploads={"raw": _creation},
        forget=partial(empty, files),
    )


def versions(cache: Path) -> dict[str, str]:
    found = {}
    for name in ("@tus/server", "@tus/file-store"):
        file = cache / "tus" / "node_modules" / name / "package.json"
        if file.exists():
            found[name] = str(json.loads(file.read_text(encoding="utf-8"))["version"])
    return found


def _creation(size: int) -> Upload:
    return Upload(
        path="/files",
        headers={
            "Tus-Resumable": "1.0.0",
            "Upload-Length": str(size),
            "Content-Type": "application/offset+octet-stream",
        },
    )


def _installed(home: Path, *, install: bool) -> Path:
    """A directory that holds the server and its packages, of the versions in package.json."""
    wanted = (_HERE / "package.json").read_text(encoding="utf-8")
    stamp = home / ".made-for"
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        if not install:
            raise Skipped("its node packages are not there; a run without --smoke fetches them")
        npm = program("npm")
        home.mkdir(parents=True, exist_ok=True)
        shutil.copy(_HERE / "package.json", home)
        ran = subprocess.run(
            [npm, "install", "--no-package-lock", "--no-audit", "--no-fund"],
            cwd=home,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        if ran.returncode:
            raise Skipped(f"npm could not install its packages: {ran.stderr.strip()[-500:]}")
        stamp.write_text(wanted, encoding="utf-8")
    shutil.copy(_HERE / "server.js", home)
    return home
