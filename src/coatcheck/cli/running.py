"""How every command runs: with the settings, with what it needs open, and with one clear line when it cannot."""

from __future__ import annotations

import asyncio
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
    logs.configure("text", settings.log_level)
    return settings


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Services]:
    """The services over a database that has been set up. Raises Unavailable otherwise, without making one."""
    from coatcheck.bootstrap import open_services

    async with open_services(settings) as services:
        await services.transactions.check()
        yield services


@contextmanager
def plain_failures() -> Iterator[None]:
    from coatcheck.bootstrap import CannotOpen
    from coatcheck.domain.errors import CoatcheckError

    try:
        yield
    except CoatcheckError as error:
        reason = getattr(error.__cause__, "orig", error.__cause__)
        fail(f"{error.detail} ({reason})" if reason else error.detail)
    except (CannotOpen, OSError, ValueError) as error:
        fail(str(error))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
