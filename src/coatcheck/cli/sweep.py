"""`coatcheck sweep`: one pass of the reaper, by hand or from a timer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from coatcheck.cli.running import carry_out, opened
from coatcheck.cli.tables import amount, moment, print_table

if TYPE_CHECKING:
    from coatcheck.domain.attachment import Due
    from coatcheck.services.reaping import Sweep
    from coatcheck.settings import Settings

#: Why something goes, in the words of a person.
_WHY = {
    "expired": "nobody claimed it in time",
    "abandoned": "the upload was never completed",
    "deleted": "its owner deleted it",
}


def sweep(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would go now; change nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Throw away what has expired, was deleted or was never finished, and say what and why.

    Servers do this by themselves; any number of sweeps may run at once.
    """

    async def passed(settings: Settings) -> Sweep:
        async with opened(settings) as services:
            await services.belonging.check()
            return await (services.reaping.preview() if dry_run else services.reaping.sweep())

    swept = carry_out(passed)
    if as_json:
        print(json.dumps(_as_json(swept, dry_run), indent=2))
    else:
        _show(swept, dry_run)


def _gone(swept: Sweep) -> list[Due]:
    """Every attachment once: most expire and are purged in the same pass."""
    return list({due.id: due for due in [*swept.expired, *swept.purged]}.values())


def _as_json(swept: Sweep, dry_run: bool) -> dict[str, object]:
    """Sizes in bytes, times in ms since 1970 (UTC)."""
    return {
        "dry_run": dry_run,
        "attachments": [
            {
                "attachment": due.public_id,
                "dialect": due.dialect,
                "size": due.size,
                "reason": due.reason,
                "expires_at": due.expires_at,
            }
            for due in _gone(swept)
        ],
        "intents": [
            {"blob": intent.blob_key, "reserved": intent.reserved, "reason": "its writer died"}
            for intent in swept.intents
        ],
        "lapsed": len(swept.lapsed),
        "leftovers": swept.leftovers,
        "tombstones": swept.tombstones,
        "replays": swept.replays,
        "digests": swept.digests,
    }


def _show(swept: Sweep, dry_run: bool) -> None:
    rows = [
        (
            due.public_id,
            due.dialect,
            amount(due.size),
            f"{due.reason}: {_WHY.get(due.reason, 'its time was over')}",
            "-" if due.expires_at is None else moment(due.expires_at),
        )
        for due in _gone(swept)
    ]
    rows += [
        (intent.blob_key, "-", amount(intent.reserved), "orphan: its writer died", "-")
        for intent in swept.intents
    ]
    if rows:
        print_table(("WHAT", "DIALECT", "SIZE", "WHY", "TIME WAS UP"), rows)
        print()
    print(f"{len(rows)} {'would go' if dry_run else 'went'}." if rows else "Nothing to throw away.")
    if swept.lapsed:
        print(f"{len(swept.lapsed)} claims ran out; what they held is detached again.")
    for number, what in (
        (swept.leftovers, "half-written files of writers that died"),
        (swept.tombstones, "tombstones, a day old"),
        (swept.replays, "remembered answers"),
    ):
        if number:
            print(f"{number} {what} went too.")
