"""`coatcheck blobs`: the store that the bytes are in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from coatcheck.cli.running import carry_out, fail, opened

if TYPE_CHECKING:
    from coatcheck.settings import Settings

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
