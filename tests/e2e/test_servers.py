"""Both servers as real processes: they serve, drain, give up in time, and leave nobody behind."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Literal, Self

import httpx
import psutil
import pytest

from coatcheck.cli.first_key import UPLOADS
from coatcheck.web.dialects import DIALECTS
from tests.cli.command import coatcheck
from tests.e2e.server import PATIENCE, Server, running_server

Kind = Literal["granian", "uvicorn"]
KINDS: tuple[Kind, ...] = ("granian", "uvicorn")

BOUNDARY = "----boundary"
ENV = {"COATCHECK_DIALECTS": "attachfast"}


def eventually(what: Callable[[], bool], patience: float = PATIENCE) -> None:
    deadline = time.monotonic() + patience
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def refuses(server: Server) -> bool:
    try:
        socket.create_connection(("127.0.0.1", server.port), timeout=5).close()
    except OSError:
        return True
    return False


class SlowUpload:
    """An upload of which the server has begun to read the body, and whose second half is yet to come."""

    def __init__(self, server: Server, size: int = 200_000) -> None:
        self.content = os.urandom(size)
        head = (
            f"--{BOUNDARY}\r\n"
            'Content-Disposition: form-data; name="file"; filename="slow.bin"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        body = head.encode() + self.content + f"\r\n--{BOUNDARY}--\r\n".encode()
        self._rest = body[len(body) // 2 :]
        self._connection = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)
        self._connection.sendall(
            (
                "POST /api/files HTTP/1.1\r\nHost: localhost\r\n"
                f"Authorization: Bearer {server.key()}\r\n"
                f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
                f"Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
            ).encode()
        )
        assert b"100 Continue" in self._connection.recv(1000)
        self._connection.sendall(body[: len(body) // 2])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def finish(self) -> None:
        self._connection.sendall(self._rest)

    def status(self) -> int:
        """Of the answer; 0 when the server hung up without one."""
        try:
            answer = self._connection.recv(1000)
        except ConnectionError:
            return 0
        found = re.match(rb"HTTP/1.1 (\d{3})", answer)
        return int(found[1]) if found else 0


@pytest.fixture(scope="module", params=KINDS)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """One that several tests share, with two workers over one SQLite file."""
    directory = tmp_path_factory.mktemp(request.param) / "data"
    with running_server(directory, server=request.param, workers=2, env=ENV) as running:
        yield running


@pytest.fixture
def start(tmp_path: Path):
    """Starts a server of a test's own."""
    with ExitStack() as stack:

        def begin(kind: Kind, **env: str) -> Server:
            running = running_server(tmp_path / "data", server=kind, env={**ENV, **env})
            return stack.enter_context(running)

        yield begin


def upload(server: Server, content: bytes, name: str = "a.bin") -> httpx.Response:
    return httpx.post(
        f"{server.url}/api/files",
        headers=server.headers(),
        files={"file": (name, content)},
        timeout=PATIENCE,
    )


def test_health_readiness_and_the_docs_page_answer(server: Server) -> None:
    assert httpx.get(f"{server.url}/-/health").json() == {"status": "ok"}
    assert httpx.get(f"{server.url}/-/ready").json()["status"] == "ok"
    assert httpx.get(f"{server.url}/-/docs").status_code == 200


@pytest.mark.parametrize("size", [0, 100, 100_000, 5_000_000])
def test_what_is_uploaded_is_downloaded(server: Server, size: int) -> None:
    content = os.urandom(size)
    made = upload(server, content, f"{size}.bin")
    assert made.status_code == 201, made.text

    url = httpx.URL(server.url).join(made.json()["url"])
    read = httpx.get(url, headers=server.headers(), follow_redirects=True)
    assert read.status_code == 200
    assert read.content == content


def test_two_workers_share_one_sqlite_file(server: Server) -> None:
    key = server.key("crowd", "ann")
    headers = {"Authorization": f"Bearer {key}"}

    def deposit(number: int) -> int:
        # A connection each, so that both workers get some.
        files = {"file": (f"{number}.txt", b"x" * (number * 2000))}
        return httpx.post(
            f"{server.url}/api/files", headers=headers, files=files, timeout=PATIENCE
        ).status_code

    with ThreadPoolExecutor(16) as threads:
        statuses = list(threads.map(deposit, range(64)))

    assert statuses == [201] * 64
    listed = httpx.get(f"{server.url}/api/files?per_page=100", headers=headers).json()
    assert len(listed["files"]) == 64


def test_no_answer_tells_the_version_of_its_server(server: Server) -> None:
    named = httpx.get(f"{server.url}/-/health").headers.get("server", "")
    assert not re.search(r"\d", named)


def test_a_head_without_end_is_refused(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
        connection.sendall(b"GET /-/health HTTP/1.1\r\nHost: x\r\n")
        try:
            for number in range(1000):
                connection.sendall(b"X-%d: %s\r\n" % (number, b"a" * 8000))
            answer = connection.recv(1000)
        except OSError:
            return  # it hung up
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4")


def test_every_line_of_the_log_is_json_and_none_holds_a_key(server: Server) -> None:
    key = server.key()
    httpx.get(f"{server.url}/api/files?key={key}", headers=server.headers())
    httpx.get(f"{server.url}/api/files/{key}", headers={"Authorization": f"Basic {key}"})
    eventually(lambda: f"/api/files/{key[:3]}" in server.said())

    lines = [line for line in server.said().splitlines() if line.startswith("{")]
    assert lines
    assert {"time", "level", "logger", "message"} <= set.intersection(
        *(set(json.loads(line)) for line in lines)
    )
    assert not [line for line in lines if key in line]


@pytest.mark.parametrize("server", KINDS, indirect=True)
def test_a_worker_that_is_killed_is_replaced(server: Server) -> None:
    before = set(server.pids())
    worker = psutil.Process(server.process.pid).children()[-1]
    worker.kill()

    def replaced() -> bool:
        now = set(server.pids())
        return worker.pid not in now and bool(now - before)

    # uvicorn may be waiting for the dead one's answer to its last question after it, which it does for 30 seconds.
    eventually(replaced, patience=PATIENCE + 45)
    eventually(lambda: upload(server, b"after").status_code == 201)


@pytest.mark.parametrize("kind", KINDS)
def test_an_upload_in_hand_may_finish_after_the_stop_signal(
    start: Callable[..., Server], kind: Kind
) -> None:
    server = start(kind)
    with SlowUpload(server) as slow:
        server.process.send_signal(signal.SIGTERM)
        eventually(lambda: refuses(server), 5)
        slow.finish()

        assert slow.status() == 201
    assert server.process.wait(PATIENCE) == 0
    assert "Traceback" not in server.said()


@pytest.mark.parametrize("kind", KINDS)
def test_an_upload_that_takes_too_long_is_told_so_and_the_server_leaves_in_time(
    start: Callable[..., Server], kind: Kind
) -> None:
    server = start(kind, COATCHECK_GRACEFUL_TIMEOUT="1")
    with SlowUpload(server) as slow:
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)

        assert slow.status() == 503
    assert server.process.wait(PATIENCE) == 0
    assert 0.9 < time.monotonic() - began < 6
    assert list((server.data_dir / "blobs" / "tmp").iterdir()) == []


@pytest.mark.parametrize(
    ("kind", "second"), [("granian", signal.SIGTERM), ("uvicorn", signal.SIGINT)]
)
def test_a_second_signal_ends_the_server_at_once(
    start: Callable[..., Server], kind: Kind, second: signal.Signals
) -> None:
    server = start(kind)
    pids = server.pids()
    with SlowUpload(server) as slow:
        server.process.send_signal(signal.SIGTERM)
        eventually(lambda: refuses(server), 5)
        server.process.send_signal(second)

        assert server.process.wait(5) == 1
        assert slow.status() == 0
    eventually(lambda: not any(psutil.pid_exists(pid) for pid in pids), 5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_whose_parent_is_killed_stops_by_itself(
    start: Callable[..., Server], kind: Kind
) -> None:
    server = start(kind, COATCHECK_GRACEFUL_TIMEOUT="1")
    workers = [pid for pid in server.pids() if pid != server.process.pid]

    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait(PATIENCE)

    eventually(lambda: not any(psutil.pid_exists(pid) for pid in workers))
    assert refuses(server)


def test_a_restart_finds_what_was_there(start: Callable[..., Server]) -> None:
    server = start("granian")
    assert upload(server, b"kept").status_code == 201
    server.restart()
    listed = httpx.get(f"{server.url}/api/files", headers=server.headers()).json()
    assert len(listed["files"]) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_port_that_is_taken_is_told_before_anything_starts(tmp_path: Path, kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as other:
        port = other.getsockname()[1]
        ran = coatcheck(tmp_path, "serve", "--port", str(port), "--server", kind, env=ENV)
    assert ran.returncode == 1
    assert ran.stderr == f"coatcheck: cannot listen on 127.0.0.1:{port}: Address already in use\n"
    assert ran.stdout == ""


def pasted(line: str) -> str:
    """What a shell says to it."""
    ran = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=50)
    return ran.stdout


def test_the_first_start_prints_a_key_once_and_lines_that_work_as_pasted(tmp_path: Path) -> None:
    with running_server(
        tmp_path / "data", env={"COATCHECK_DIALECTS": ",".join(DIALECTS)}
    ) as server:
        (line,) = (line.strip() for line in server.said().splitlines() if "curl" in line)
        (key,) = re.findall(r"Bearer (cc_[\w-]+)", line)
        assert re.match(r"HTTP/1.1 20[01] ", pasted(line))
        # Which one is shown depends on what is served.
        for name in DIALECTS:
            answer = pasted(UPLOADS[name].format(url=server.url, token=key))
            assert re.match(r"HTTP/1.1 20[01] ", answer), (name, answer)

        server.restart()
        assert server.said().count(key) == 2, "the key by itself, and in the line"
        assert server.said().count("curl") == 1
