"""`coatcheck db`: the schema of the database, and moving to another one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from coatcheck.cli.running import carry_out, refuse_missing_database

if TYPE_CHECKING:
    from coatcheck.settings import Settings

app = typer.Typer(
    help="The database: its schema, and another one in its place.", no_args_is_help=True
)


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


@app.command()
def copy(
    to: Annotated[str, typer.Option("--to", help="The URL of an empty database.")],
) -> None:
    """Copy everything from the database of the settings to another one: stop all servers first.

    Tables are made there, filled in one transaction, read again and compared; it has everything afterwards, or nothing.
    """

    def tell(table: str, rows: int) -> None:
        print(f"{rows:>9}  {table}", flush=True)

    async def copied(settings: Settings) -> None:
        from coatcheck.clock import SystemClock
        from coatcheck.repositories import copying

        refuse_missing_database(settings)
        await copying.copy(settings.effective_database_url, to, SystemClock().now(), tell)

    carry_out(copied)
    print("All of it was copied and compared. Set COATCHECK_DATABASE_URL before a server starts.")
