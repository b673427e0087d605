"""`coatcheck keys`: who may speak to this server."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Annotated

import typer

from coatcheck.cli.durations import seconds
from coatcheck.cli.running import carry_out, fail, opened
from coatcheck.cli.tables import moment, print_table

if TYPE_CHECKING:
    from coatcheck.domain.principal import KeyRecord
    from coatcheck.settings import Settings

app = typer.Typer(help="Who may speak to this server.", no_args_is_help=True)


@app.command()
def create(
    tenant: Annotated[str, typer.Option(help="The organisation or site; made when it is new.")],
    user: Annotated[str, typer.Option(help="The user or app in it; made when it is new.")],
    display: Annotated[str | None, typer.Option(help="The name that others are shown.")] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help="A note of what the key is for; repeatable. Every key may do all that its user may."
        ),
    ] = None,
    expires_in: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Such as 12h or 90d; without it: never.")
    ] = None,
) -> None:
    """Make a key and print it, alone. It is shown this once and cannot be read again."""
    _check_names(tenant=tenant, user=user, display=display or user)

    async def make(settings: Settings) -> str:
        lifetime = None if expires_in is None else seconds(expires_in) * 1000
        async with opened(settings) as services:
            return await services.keys.create(
                tenant=tenant,
                login=user,
                display=display,
                scopes=tuple(scope or ()),
                expires_at=lifetime and services.clock.now() + lifetime,
            )

    print(carry_out(make))


@app.command("list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array.")] = False,
) -> None:
    """All keys, also those that were revoked or have expired; never the keys themselves."""
    records, now = carry_out(_records)
    if as_json:
        print(json.dumps([dataclasses.asdict(record) for record in records], indent=2))
        return
    print_table(
        ("ID", "TENANT", "USER", "KEY", "SCOPES", "CREATED", "STATE"),
        [
            (
                str(record.id),
                record.tenant,
                record.login,
                f"{record.hint}…",
                ",".join(record.scopes) or "-",
                moment(record.created_at),
                _state(record, now),
            )
            for record in records
        ],
    )


@app.command()
def revoke(key_id: Annotated[int, typer.Argument(metavar="ID", min=1)]) -> None:
    """End a key. Running servers notice within five seconds."""

    async def end(settings: Settings) -> None:
        from coatcheck.domain.errors import NotFound

        async with opened(settings) as services:
            try:
                await services.keys.revoke(key_id)
            except NotFound:
                fail(f"there is no live key with the id {key_id}")

    carry_out(end)
    print(f"Key {key_id} is revoked.")


async def _records(settings: Settings) -> tuple[list[KeyRecord], int]:
    async with opened(settings) as services:
        return await services.keys.all(), services.clock.now()


def _state(record: KeyRecord, now: int) -> str:
    if record.revoked_at is not None:
        return f"revoked {moment(record.revoked_at)}"
    if record.expires_at is None:
        return "live"
    ended = record.expires_at <= now
    return f"{'expired' if ended else 'live until'} {moment(record.expires_at)}"


def _check_names(**names: str) -> None:
    for option, name in names.items():
        if not name.strip() or not name.isprintable() or len(name) > 255:
            fail(f"--{option} must be 1 to 255 printable characters")
