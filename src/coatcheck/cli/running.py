"""How every command runs: with the settings, with what it needs open, and with one clear line when it cannot."""

from __future__ import annotations

import asyncio
import os
import pwd
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, NoReturn, TypeVar

import typer

if TYPE_CHECKING:
    from coatcheck.services.bundle import Services
    from coatcheck.settings import Settings

T = TypeVar("T")


def fail(message: str) -> NoReturn:
    """Say why on standard error and leave with 1."""
    print(f"coatcheck: {message}", file=sys.stderr)
    raise typer.Exit(1)


def carry_out(deed: Callable[[Settings], Awaitable[T]]) -> T:
    """What the deed returns; an expected failure ends the command with one line, without a traceback."""
    with plain_failures():
        settings = load_settings()
        _refuse_root_among_others_files(settings)

        async def carried_out() -> T:
            return await deed(settings)

        return asyncio.run(carried_out())


def load_settings() -> Settings:
    from coatcheck import logs
    from coatcheck.settings import BadSettings, load

    try:
        settings = load()
    except BadSettings as error:
        fail(f"the settings are wrong.\n{error}")
    # A command says what it has to say itself; the server sets up its own log when it starts.
    logs.configure("text", settings.log_level if settings.log_level == "error" else "warning")
    os.umask(0o077)  # what we make is nobody else's to read
    return settings


def _refuse_root_among_others_files(settings: Settings) -> None:
    """What root makes there, a directory of blobs or a journal, the user who serves could not open afterwards."""
    from coatcheck.repositories.engine import file_of

    if os.geteuid() != 0:
        return
    file = file_of(settings.effective_database_url)
    own = None if settings.database_url and settings.blobs_url else settings.data_dir.absolute()
    for place in (own, file):
        if place is not None and place.exists() and (owner := place.stat().st_uid) != 0:
            fail(
                f"{place} belongs to user {_name_of(owner)}, who could not open what root makes there:"
                " run this as that user (see «As a service of systemd» in docs/operations.md)"
            )


def _name_of(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:  # of a container, or of another machine
        return str(user)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Services]:
    """The services over a database that has been set up. Raises Unavailable otherwise, and makes none."""
    from coatcheck.bootstrap import open_services

    refuse_missing_database(settings)
    async with open_services(settings) as services:
        await services.transactions.check()
        yield services


def refuse_missing_database(settings: Settings) -> None:
    """Raises Unavailable. To open a file that is not there would make it, empty, wherever a mistake points to."""
    from coatcheck.domain.errors import Unavailable
    from coatcheck.repositories.engine import file_of

    file = file_of(settings.effective_database_url)
    if file is not None and not file.exists():
        raise Unavailable(
            f"There is no database {file} yet: run `coatcheck serve` or `coatcheck db upgrade`;"
            " or is COATCHECK_DATA_DIR another one?"
        )


@contextmanager
def plain_failures() -> Iterator[None]:
    from coatcheck.bootstrap import CannotOpen, in_full
    from coatcheck.domain.errors import CoatcheckError

    try:
        yield
    except CoatcheckError as error:
        fail(in_full(error))
    except (CannotOpen, OSError, ValueError) as error:
        fail(str(error))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
