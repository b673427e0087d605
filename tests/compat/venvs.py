"""Real clients, each in a virtual environment of its own: what they pin must not meet what we pin.

`requirements-<name>.txt` beside this file lists everything that goes in, pinned, dependencies included.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CACHE = HERE.parent.parent / ".cache" / "venvs"

#: What pip says when it is the network, and not the requirements, that is wrong.
_NO_NETWORK = (
    "NewConnectionError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "ProxyError",
    "Temporary failure in name resolution",
    "Network is unreachable",
)

_PATIENCE = 600


def client_python(name: str) -> Path:
    """The interpreter of the environment of `requirements-<name>.txt`, built on first use and kept.

    Where the package index cannot be reached the test is skipped, saying so; in CI it fails.
    """
    requirements = HERE / f"requirements-{name}.txt"
    pins = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:12]
    home = CACHE / f"{name}-{pins}"
    python = home / "bin" / "python"
    complete = home / "complete"
    with _alone(CACHE / f"{name}.lock"):
        if not complete.exists():
            shutil.rmtree(home, ignore_errors=True)
            _run(sys.executable, "-m", "venv", str(home))
            _install(python, requirements)
            complete.touch()
    return python


def _install(python: Path, requirements: Path) -> None:
    # All there is to install is listed, so that what a client asks for beyond it cannot get in.
    installed = _run(
        *(str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
        *("--no-deps", "--retries", "2", "-r", str(requirements)),
        check=False,
    )
    if installed.returncode == 0:
        return
    unreachable = any(sign in installed.stderr for sign in _NO_NETWORK)
    if unreachable and not os.environ.get("CI"):
        pytest.skip(f"the package index cannot be reached for {requirements.name}")
    pytest.fail(f"{requirements.name} cannot be installed:\n{installed.stderr}", pytrace=False)


def _run(*command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=check, capture_output=True, text=True, timeout=_PATIENCE)


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Of several test processes, one builds and the others wait."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
