"""`coatcheck serve`: what has to be right before a worker starts, the first key, and then the server."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from coatcheck.cli.first_key import announce
from coatcheck.cli.running import carry_out, fail, opened, plain_failures
from coatcheck.startup import lasting

if TYPE_CHECKING:
    from coatcheck.services.bundle import Services
    from coatcheck.settings import Settings

log = logging.getLogger(__name__)


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port to listen on; 0: any that is free.")
    ] = 8080,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Processes that serve.")] = 1,
    server: Annotated[
        Literal["granian", "uvicorn"], typer.Option(help="Which server runs the app.")
    ] = "granian",
) -> None:
    """Serve until a stop signal comes; then end what is in hand and leave.

    A SQLite database is made and migrated first. The very first start prints a key.
    """
    # Before anything is made: a first key that nobody was shown would be lost.
    with plain_failures():
        port = _free_port(host, port)
    _allow_many_connections()
    settings, token = carry_out(_prepared)
    if token:
        announce(token, host, port, settings.dialects)
    with plain_failures(), _leaving_no_lease(settings):
        if server == "granian":
            from coatcheck.cli.granian import run
        else:
            from coatcheck.cli.uvicorn import run
        with _telling_each_other(settings, workers):
            status = run(settings, host, port, workers)
        if status:
            raise typer.Exit(status)


async def _prepared(settings: Settings) -> tuple[Settings, str | None]:
    """The settings, once it is certain that workers can start with them, and the first key if there was none."""
    from coatcheck.settings import unknown

    for name in unknown():
        log.warning("%s is no setting, and means nothing; see .env.example", name)
    with lasting():
        from coatcheck.bootstrap import check_blobs, create_app, open_database
        from coatcheck.repositories import schema

        # Whatever is wrong with the app is said here, once, and not by every worker. Workers that are forked share it.
        create_app(settings)
    engine = open_database(settings)
    await engine.dispose()
    if engine.dialect.name == "sqlite":
        await schema.upgrade(settings.effective_database_url)
    async with opened(settings) as services:
        await check_blobs(services)
        await services.hosting.take()
        try:
            if await services.keys.all():
                return settings, None
            return settings, await services.keys.create(tenant="default", login="admin")
        except BaseException:
            await _give_up_the_lease(services)
            raise


@contextmanager
def _leaving_no_lease(settings: Settings) -> Iterator[None]:
    """Workers give it up at their end. Where none came to that, another host need not wait until it has run out."""

    async def give_up() -> None:
        async with opened(settings) as services:
            await _give_up_the_lease(services)

    try:
        yield
    except BaseException:
        with suppress(Exception):  # what is to be told is why it did not start
            asyncio.run(give_up())
        raise


async def _give_up_the_lease(services: Services) -> None:
    with suppress(Exception):
        async with services.hosting.held():
            pass


@contextmanager
def _telling_each_other(settings: Settings, workers: int) -> Iterator[None]:
    """Several workers have a directory for their numbers, while they are there."""
    if workers == 1 or settings.metrics == "off" or settings.metrics_dir:
        yield
        return
    directory = tempfile.mkdtemp(prefix="coatcheck-metrics-")
    os.environ["COATCHECK_METRICS_DIR"] = directory
    try:
        yield
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _free_port(host: str, port: int) -> int:
    """The port, if nobody listens on it. Workers share it later by an option that would also let another server in."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        fail(f"cannot listen on {host}: {error.strerror}")
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen()
        except OSError as error:
            fail(f"cannot listen on {host}:{port}: {error.strerror}")
        found: int = probe.getsockname()[1]
        return found


def _allow_many_connections() -> None:
    """As many open files as we may have: the usual first limit, 1024, is for programs that use select()."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65536 if most == resource.RLIM_INFINITY else min(most, 65536)
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
