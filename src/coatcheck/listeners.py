"""The listening sockets of this process: what is set on one holds for every connection that it accepts later."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_OPEN = Path("/proc/self/fd")


def give_up_on_stalled_readers(seconds: float) -> bool:
    """Let the kernel close connections whose reader takes nothing for so long; whether it was told, or never can be.

    The servers wait for a reader without end, and hold some megabytes for each meanwhile. Of a file that the server
    sends by its path an app could not notice. Linux alone has this (tcp(7), TCP_USER_TIMEOUT: also of a window that
    stays shut); elsewhere nothing happens.
    """
    option: int | None = getattr(socket, "TCP_USER_TIMEOUT", None)
    if option is None or not _OPEN.is_dir():
        return True
    found = False
    for listener in _listening():
        listener.setsockopt(socket.IPPROTO_TCP, option, int(seconds * 1000))
        found = True
    return found


def _listening() -> Iterator[socket.socket]:
    """Those for TCP. The servers make them out of our sight; each is opened again here, and only for its turn.

    Nothing but sockets: to close any descriptor of a file gives up all locks that the process has on it (fcntl(2)), and
    SQLite lives by those.
    """
    for each_open in list(_OPEN.iterdir()):
        number = int(each_open.name)
        try:
            if not stat.S_ISSOCK(os.fstat(number).st_mode):
                continue
            with _again(number) as each:
                if each.family in (socket.AF_INET, socket.AF_INET6) and each.getsockopt(
                    socket.SOL_SOCKET, socket.SO_ACCEPTCONN
                ):
                    yield each
        except OSError:
            continue  # closed since


@contextmanager
def _again(number: int) -> Iterator[socket.socket]:
    twin = os.dup(number)
    try:
        again = socket.socket(fileno=twin)
    except OSError:
        os.close(twin)
        raise
    with again:
        yield again
