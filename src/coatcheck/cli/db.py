"""`coatcheck db`: the schema of the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from coatcheck.cli.running import carry_out

if TYPE_CHECKING:
    from coatcheck.settings import Settings

app = typer.Typer(help="The schema of the database.", no_args_is_help=True)


@app.callback()
def _db() -> None:
    pass


@app.command()
def upgrade() -> None:
    """Make the tables, or bring them to this version. Any number of processes may try at once."""
    before, after = carry_out(_upgrade)
    if before == after:
        print(f"The database is at version {after} already.")
    else:
        print(f"The database went from {before or 'nothing'} to version {after}.")


async def _upgrade(settings: Settings) -> tuple[str | None, str]:
    from coatcheck.repositories import schema

    return await schema.upgrade(settings.effective_database_url)
