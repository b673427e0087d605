"""Under Granian: HTTP in Rust, header time-outs, files sent by their path."""

from __future__ import annotations

import os
import resource
from typing import TYPE_CHECKING, Any

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

from coatcheck import logs

if TYPE_CHECKING:
    from coatcheck.settings import Settings

#: Connections a worker serves at once, idle ones included; more wait to be accepted. And of the files that it may open,
#: so that it can accept none which it could not serve.
CONNECTIONS = 4096
SHARE = 0.75
#: Connections the kernel holds until they are accepted.
BACKLOG = 2048
#: Milliseconds that a request's head may take.
HEADER_TIMEOUT = 10_000
#: Bytes of a head at most; it is also the read buffer, and smaller ones made large uploads slower.
HEAD = 256 * 1024
#: Seconds that a worker has to close its stores after its requests ended, before it is killed.
CLOSING = 4


class _Supervisor(MPServer):
    """The parent of the workers; a second stop signal ends them all at once."""

    parent = os.getpid()

    def signal_handler_interrupt(self, *signal: Any) -> None:
        if os.getpid() != self.parent:
            # A worker that was forked a moment ago, and has not come to handlers of its own.
            os._exit(0)
        if self.interrupt_signal:
            for worker in self.wrks:
                worker.kill()  # type: ignore[no-untyped-call]
            os._exit(1)
        super().signal_handler_interrupt(*signal)  # type: ignore[no-untyped-call]


def run(settings: Settings, host: str, port: int, workers: int) -> int:
    """Serve until a stop signal comes; the exit status."""
    _Supervisor(
        "coatcheck.asgi:create_app",
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        factory=True,
        workers=workers,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_TIMEOUT, max_buffer_size=HEAD),
        websockets=False,
        backlog=BACKLOG,
        backpressure=_connections(),
        respawn_failed_workers=True,
        workers_kill_timeout=settings.graceful_timeout + CLOSING,
        log_dictconfig=logs.configuration(settings.log_format, settings.log_level),
        log_level=LogLevels.info if settings.log_level in ("debug", "info") else LogLevels.warning,
    ).serve()
    return 0


def _connections() -> int:
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return CONNECTIONS if most == resource.RLIM_INFINITY else min(CONNECTIONS, int(most * SHARE))
