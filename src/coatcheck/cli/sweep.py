"""`coatcheck sweep`: one pass of the reaper, by hand or from a timer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from coatcheck.cli.running import carry_out, opened
from coatcheck.cli.tables import amount, moment, print_table

if TYPE_CHECKING:
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
            return await (services.reaping.preview() if dry_run else services.reaping.sweep())

    swept = carry_out(passed)
    if as_json:
        print(json.dumps({"dry_run": dry_run, **_as_json(swept)}, indent=2))
    else:
        _show(swept, dry_run)


def _rows(swept: Sweep) -> list[dict[str, object]]:
    """Every attachment once, with what happens to it: expires, or is purged, or both."""
    purged = {due.id for due in swept.purged}
    rows: dict[int, dict[str, object]] = {}
    for due in [*swept.expired, *swept.purged]:
        rows[due.id] = {
            "attachment": due.public_id,
            "dialect": due.dialect,
            "size": due.size,
            "reason": due.reason,
            "expires_at": due.expires_at,
            "purged": due.id in purged,
        }
    return list(rows.values())


def _as_json(swept: Sweep) -> dict[str, object]:
    return {
        "attachments": _rows(swept),
        "intents": [
            {"blob": intent.blob_key, "reserved": intent.reserved, "reason": "its writer died"}
            for intent in swept.intents
        ],
        "leftovers": swept.leftovers,
        "tombstones": swept.tombstones,
        "replays": swept.replays,
        "digests": swept.digests,
    }


def _show(swept: Sweep, dry_run: bool) -> None:
    rows = [
        (
            str(row["attachment"]),
            str(row["dialect"]),
            amount(int(str(row["size"]))),
            f"{row['reason']}: {_WHY.get(str(row['reason']), 'its time was over')}",
            moment(row["expires_at"]) if isinstance(row["expires_at"], int) else "-",
        )
        for row in _rows(swept)
    ]
    rows += [
        (intent.blob_key, "-", amount(intent.reserved), "orphan: its writer died", "-")
        for intent in swept.intents
    ]
    if rows:
        print_table(("WHAT", "DIALECT", "SIZE", "WHY", "TIME WAS UP"), rows)
        print()
    print(f"{len(rows)} {'would go' if dry_run else 'went'}." if rows else "Nothing to throw away.")
    for number, what in (
        (swept.leftovers, "half-written files of writers that died"),
        (swept.tombstones, "tombstones, a day old"),
        (swept.replays, "remembered answers"),
    ):
        if number:
            print(f"{number} {what} went too.")
