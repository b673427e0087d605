"""`coatcheck blobs`: the store that the bytes are in."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from typing import TYPE_CHECKING

import typer

from coatcheck.cli.running import carry_out, fail, opened
from coatcheck.cli.tables import amount

if TYPE_CHECKING:
    from coatcheck.services.moving import Moved
    from coatcheck.settings import Settings

#: Seconds between two lines that tell how far it has come.
TELL_EVERY = 5

app = typer.Typer(help="The store that the bytes are in.", no_args_is_help=True)


@app.callback()
def _blobs() -> None:
    pass


@app.command()
def adopt() -> None:
    """Say that this database and this blob store belong together, as after a restore into a new place.

    Servers refuse to start on a store that bears the mark of another database, or none.
    """
    if not carry_out(_adopt):
        fail("this kind of store bears no mark: there is nothing to adopt")
    print("The database and the blob store belong together now.")


async def _adopt(settings: Settings) -> bool:
    async with opened(settings) as services:
        return await services.belonging.adopt()


@app.command()
def migrate() -> None:
    """Move all blobs from COATCHECK_BLOBS_FROM to COATCHECK_BLOBS_URL, while servers that know both go on.

    Each is copied, read again and compared before its old copy goes. SIGTERM or Ctrl-C ends it after those in hand;
    run it again to go on. Exit status 1: something is left.
    """
    moved = carry_out(_migrate)
    print(f"{moved.blobs} blobs, {amount(moved.size)}, were moved.")
    for key, reason in moved.failures:
        print(f"blob {key} stays in the old store: {reason}", file=sys.stderr)
    if moved.stopped:
        fail("stopped: run it again to go on")
    if moved.failures:
        fail(
            f"{len(moved.failures)} blobs could not be moved; `coatcheck fsck --rehash` tells more"
        )
    if moved.unnamed:
        fail(
            f"{moved.unnamed} blobs in the old store belong to an upload at work, to what is being deleted, or to"
            " nothing: run it again in a while; what stays then, `coatcheck fsck` tells"
        )
    print("The old store is empty: COATCHECK_BLOBS_FROM can go.")


async def _migrate(settings: Settings) -> Moved:
    stop = asyncio.Event()

    def ask_to_stop(number: int) -> None:
        stop.set()
        asyncio.get_running_loop().remove_signal_handler(number)  # a second one does not wait

    told = time.monotonic()

    def tell(moved: Moved) -> None:
        nonlocal told
        if time.monotonic() - told < TELL_EVERY:
            return
        told = time.monotonic()
        print(f"{moved.blobs} blobs, {amount(moved.size)}", file=sys.stderr, flush=True)

    async with opened(settings) as services:
        if services.moving is None:
            fail("COATCHECK_BLOBS_FROM is not set: it names the store that blobs are to move from")
        await services.belonging.check()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, ask_to_stop, number)
        return await services.moving.move(stop, tell)
