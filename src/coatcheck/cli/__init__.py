"""The command line. A command imports what it needs when it runs: `coatcheck --help` loads no server."""

from __future__ import annotations

from typing import Annotated

import typer

from coatcheck.cli import blobs, db, doctor, fsck, keys, serve, sweep

app = typer.Typer(
    name="coatcheck",
    help="A self-hosted server for detached attachments. Every setting is a COATCHECK_ variable.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("serve")(serve.serve)
app.command("sweep")(sweep.sweep)
app.command("fsck")(fsck.fsck)
app.command("doctor")(doctor.doctor)
app.add_typer(keys.app, name="keys")
app.add_typer(blobs.app, name="blobs")
app.add_typer(db.app, name="db")


def _print_version(wanted: bool) -> None:
    if wanted:
        from coatcheck import __version__

        print(f"coatcheck {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version and leave."
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """The `coatcheck` command."""
    app()
