"""Who asks for a file and does not take it: the connection is closed, and what was held for it is free again.

That is an option of Linux's TCP, as docs/security.md says; like all of this folder, these tests need Linux.
"""

from __future__ import annotations

import fcntl
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal

import pytest
import requests

from coatcheck.listeners import give_up_on_stalled_readers
from tests.e2e.server import Server, running_server
from tests.hostile import health
from tests.hostile.stalling import PATH

SIZE = 16 * 1024 * 1024
TIMEOUT = 2


@contextmanager
def reading_nothing(server: Server, path: str, *fields: str) -> Iterator[socket.socket]:
    """Has asked for it, and takes its first bytes alone."""
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.connect(("127.0.0.1", server.port))
        authorization = f"Authorization: {server.headers()['Authorization']}"
        head = (f"GET {path} HTTP/1.1", "Host: x", authorization, *fields, "", "")
        reader.sendall("\r\n".join(head).encode())
        assert reader.recv(8) == b"HTTP/1.1"
        yield reader


@pytest.mark.parametrize("kind", ["granian", "uvicorn"])
async def test_a_download_that_nobody_takes_ends(
    tmp_path: Path, kind: Literal["granian", "uvicorn"]
) -> None:
    """Whole, where the server sends it by itself, and in part, where we do."""
    env = {"COATCHECK_STALLED_READER_TIMEOUT": str(TIMEOUT)}
    with running_server(tmp_path / "data", server=kind, env=env) as server:
        headers = server.headers()
        made = requests.post(server.url + PATH, data=b"x" * SIZE, headers=headers, timeout=60)
        path = f"{PATH}/{made.json()['id']}/content"
        before = await health.steady_descriptors(server)
        with ExitStack() as readers:
            for fields in ((), ("Range: bytes=1-",)):
                for _ in range(5):
                    readers.enter_context(reading_nothing(server, path, *fields))
            assert health.descriptors(server) >= before + 10
            await health.seconds_until(server, before)
        whole = requests.get(server.url + path, headers=headers, timeout=60)
        assert whole.content == b"x" * SIZE
        assert "Traceback" not in server.said()


async def test_what_listens_is_told_and_what_does_not_is_left_alone() -> None:
    with socket.socket() as listener, socket.socket() as other, socket.socket() as client:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        assert give_up_on_stalled_readers(7)
        assert _timeout(listener) == 7000
        assert _timeout(other) == 0
        client.connect(listener.getsockname())
        accepted, _ = listener.accept()
        with accepted:
            assert _timeout(accepted) == 7000


async def test_locks_on_files_are_kept(tmp_path: Path) -> None:
    """Closing a twin of a file's descriptor would give them up, and with them SQLite's hold on its database."""
    with (tmp_path / "locked").open("wb") as file:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        give_up_on_stalled_readers(7)
        code = (
            "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'ab'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
        )
        other = subprocess.run(
            [sys.executable, "-c", code, file.name], capture_output=True, text=True, check=False
        )
        assert "BlockingIOError" in other.stderr


def _timeout(each: socket.socket) -> int:
    assert sys.platform == "linux"
    return each.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
