"""For any ASGI server: `coatcheck.asgi:create_app`, a factory. Importing it does nothing."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import FrameType

from fastapi import FastAPI

from coatcheck import bootstrap, listeners, logs
from coatcheck.services.shielding import meanwhile
from coatcheck.settings import Settings
from coatcheck.startup import lasting
from coatcheck.web.lingering import Lingers

#: Seconds within which a worker notices that its parent is gone.
_LOOKS_AFTER_PARENT_EVERY = 1
#: Seconds between two looks at whether the server listens by now; most begin to when the app has started.
_LOOKS_FOR_LISTENERS_EVERY = 0.05


def create_app(settings: Settings | None = None) -> FastAPI:
    """The whole server, with the logging of its process set up. It drains when the process is told to stop."""
    settings = settings or Settings()
    logs.configure(settings.log_format, settings.log_level)
    with lasting():
        app = bootstrap.create_app(settings)
    # Outermost: a request is over, and logged, when its answer is.
    app.add_middleware(Lingers, draining=app.state.draining)
    opened = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with (
            opened(app),
            _ending_with_its_parent(),
            _closing_on_stalled_readers(settings.stalled_reader_timeout),
        ):
            with _draining_on_stop(app, settings.graceful_timeout):
                yield

    app.router.lifespan_context = lifespan
    return app


@contextmanager
def _draining_on_stop(app: FastAPI, patience: float) -> Iterator[None]:
    """The server has its own handlers for these signals by now; they are called as before."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()

    def stop(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(app.state.draining.begin, patience)
        handler = theirs[number]
        if callable(handler):
            handler(number, frame)

    theirs = {int(number): signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number in theirs:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in theirs.items():
            signal.signal(number, handler)


@asynccontextmanager
async def _ending_with_its_parent() -> AsyncIterator[None]:
    """A worker whose parent was killed would hold port and database without anybody to stop it: it stops by itself."""
    parent = multiprocessing.parent_process()
    if parent is None:
        yield
        return

    async def watch() -> None:
        while os.getppid() == parent.pid:  # noqa: ASYNC110 - nobody tells us of it
            await asyncio.sleep(_LOOKS_AFTER_PARENT_EVERY)
        os.kill(os.getpid(), signal.SIGTERM)

    async with meanwhile(watch(), "parent"):
        yield


@asynccontextmanager
async def _closing_on_stalled_readers(timeout: float) -> AsyncIterator[None]:
    async def look() -> None:
        while not listeners.give_up_on_stalled_readers(timeout):  # noqa: ASYNC110 - nobody tells us of it
            await asyncio.sleep(_LOOKS_FOR_LISTENERS_EVERY)

    async with meanwhile(look(), "listeners"):
        yield


__all__ = ["create_app"]
