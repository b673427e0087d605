"""Under uvicorn, in pure Python but for its parser; with bounds on a request's head, of which it has none."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.supervisors import Multiprocess

from coatcheck import logs

if TYPE_CHECKING:
    from coatcheck.settings import Settings

BACKLOG = 2048
#: Seconds that a request's head may take, and that a connection may be idle.
HEADER_TIMEOUT = 10
#: Bytes of a head at most, and fields in it.
HEAD = 64 * 1024
FIELDS = 100
#: Seconds after the requests' own deadline, for their last words and for closing the stores.
CLOSING = 4


class _Refused(Exception):
    """Raised in a callback of the parser, which makes it an error of the request: 400, and the connection is closed."""


class BoundedHead(HttpToolsProtocol):
    """uvicorn's protocol, with an end to how long (`HEADER_TIMEOUT`) and how large (`HEAD`, `FIELDS`) a request's head
    may be; it reads no more of a body whose request is over.
    """

    _in_head = True
    _head = 0
    _size = 0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._deadline = self.loop.call_later(HEADER_TIMEOUT, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._in_head and self._head > HEAD:
            self._give_up()
            return
        self._head += len(data)
        super().data_received(data)

    def on_message_begin(self) -> None:
        self._in_head = True
        self._size = 0
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEADER_TIMEOUT, self._give_up)
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._size += len(name) + len(value)
        if self._size > HEAD or len(self.headers) >= FIELDS:
            raise _Refused
        # Trailers are no part of the head (RFC 9110 §6.5.1), though they may have come before the app looks at it.
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self.parser.get_http_version() not in ("1.0", "1.1"):
            raise _Refused
        self._in_head = False
        self._cancel_deadline()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_head = True
        self._head = 0
        self._cancel_deadline()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        # More of its body may come: uvicorn would read it to its end. Or this was the answer to an earlier request.
        if not self._in_head and self.cycle.response_complete:
            self._give_up()

    def _give_up(self) -> None:
        # An answer to an earlier request may still be on its way: then nothing may come between.
        if not self.transport.is_closing():
            self.transport.close()

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def run(settings: Settings, host: str, port: int, workers: int) -> int:
    """Serve until a stop signal comes; the exit status."""
    config = uvicorn.Config(
        "coatcheck.asgi:create_app",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        loop="auto",
        http=BoundedHead,
        ws="none",
        lifespan="on",
        interface="asgi3",
        log_config=logs.configuration(settings.log_format, settings.log_level),
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=HEADER_TIMEOUT,
        timeout_graceful_shutdown=settings.graceful_timeout + 1,
        timeout_worker_healthcheck=30,
    )
    listener = _listening(host, port)
    # Also for one worker: a parent that only waits can always be stopped.
    supervisor = Multiprocess(config, sockets=[listener])
    _obey_signals(supervisor, settings.graceful_timeout + CLOSING)
    supervisor.run()
    failed = any(worker.exitcode == STARTUP_FAILURE for worker in supervisor.processes)
    return 1 if failed else 0


def _listening(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(address)
    listener.set_inheritable(True)
    return listener


def _obey_signals(supervisor: Multiprocess, patience: float) -> None:
    """The first stop signal is uvicorn's; a second one, or a worker that has not left in time, ends all at once."""

    def end() -> None:
        for worker in supervisor.processes:
            worker.process.kill()
        os._exit(1)

    last_resort = threading.Timer(patience, end)
    last_resort.daemon = True

    def stop(number: int, _frame: Any) -> None:
        if last_resort.is_alive():
            end()
        last_resort.start()
        # Workers close their copies: nobody is to wait in a queue that is not served any more.
        for listener in supervisor.sockets:
            listener.close()
        supervisor.signal_queue.append(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
