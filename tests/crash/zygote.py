"""Servers that start at once: a process that has everything imported forks one whenever it is asked to.

with zygote() as start:
    server = start(data_dir, {"COATCHECK_FAULTS": "U5:kill", "COATCHECK_ENV": "test"})
    server.wait_until_ready()

They are real: uvicorn on a socket, as one worker of `coatcheck serve --server uvicorn` runs it.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

import psutil
import requests
from fastapi import FastAPI

ROOT = Path(__file__).parents[2]

#: Seconds that something may take on a busy machine.
PATIENCE = 30

_DIE_WITH_PARENT = 1


class Forked:
    def __init__(self, pid: int, port: int, log: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.log = log
        self._process = psutil.Process(pid)

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while self.alive():
            with suppress(requests.RequestException):
                if requests.get(f"{self.url}/-/ready", timeout=PATIENCE).ok:
                    return
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.02)
        raise AssertionError(f"the server did not start:\n{self.said()}")

    def alive(self) -> bool:
        with suppress(psutil.NoSuchProcess):
            return self._process.is_running() and self._process.status() != psutil.STATUS_ZOMBIE
        return False

    def stopped(self) -> bool:
        with suppress(psutil.NoSuchProcess):
            return self._process.status() == psutil.STATUS_STOPPED
        return False

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> None:
        """It stands still, in the middle of whatever it does."""
        self._process.suspend()
        deadline = time.monotonic() + PATIENCE
        while not self.stopped():
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.001)

    def go_on(self) -> None:
        self._process.resume()

    def kill(self) -> None:
        with suppress(psutil.NoSuchProcess):
            self._process.kill()
        self.wait_until_dead()

    def wait_until_dead(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while self.alive():
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.005)

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")


class Zygote:
    def __init__(self, *command: str) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("COATCHECK_")}
        environment["PYTHONPATH"] = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
        self._process = subprocess.Popen(
            [sys.executable, "-m", *(command or ("tests.crash.zygote",))],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, data_dir: Path, environment: Mapping[str, str]) -> Forked:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        log = data_dir.parent / f"{data_dir.name}.{port}.log"
        order = {
            # The disks of tests are small ones.
            "environment": {
                "COATCHECK_DATA_DIR": str(data_dir),
                "COATCHECK_DISK_RESERVE": "0",
                **environment,
            },
            "port": port,
            "log": str(log),
        }
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return Forked(int(self._process.stdout.readline()), port, log)

    def close(self) -> None:
        self._process.kill()  # and its children with it
        self._process.communicate()


@contextmanager
def zygote(*command: str) -> Iterator[Zygote]:
    """`command`: a module, with its arguments, that does as this one."""
    running = Zygote(*command)
    try:
        yield running
    finally:
        running.close()


def main() -> None:
    from coatcheck.bootstrap import serving, wire_config
    from coatcheck.settings import Settings
    from coatcheck.web.app import build_app

    # To build an app takes longer than all that a test asks of it.
    app = build_app(wire_config(Settings(rate_limits="off")), lambda app: serving(app, Settings()))
    for extra in ("psycopg", "aiobotocore.session"):
        with suppress(ImportError):
            importlib.import_module(extra)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    for line in sys.stdin:
        order = json.loads(line)
        Path(order["log"]).touch()
        pid = os.fork()
        if pid == 0:
            _serve(app, order)
        print(pid, flush=True)


def _serve(app: FastAPI, order: dict[str, object]) -> NoReturn:
    import uvicorn

    from coatcheck.cli.uvicorn import BoundedHead

    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(str(order["log"]), os.O_WRONLY | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for fd, place in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(fd, place)
    os.environ.update(order["environment"])  # type: ignore[call-overload]
    try:
        config = uvicorn.Config(
            app,
            host="127.0.0.1",
            port=int(str(order["port"])),
            http=BoundedHead,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
        )
        uvicorn.Server(config).run()
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(1)


if __name__ == "__main__":
    main()
