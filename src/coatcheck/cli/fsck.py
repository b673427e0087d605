"""`coatcheck fsck`: whether all that is on record, and all that is stored, adds up."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from coatcheck.cli.running import carry_out, opened

if TYPE_CHECKING:
    from coatcheck.domain.finding import Finding
    from coatcheck.settings import Settings

#: It could not be found out. A wrong option has this status too.
COULD_NOT_RUN = 2


def fsck(
    rehash: Annotated[
        bool, typer.Option("--rehash", help="Read every byte and compare all digests.")
    ] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Put right what can be without removing bytes.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="A JSON object a line: each finding, then the sum.")
    ] = False,
) -> None:
    """Check rows against rows and rows against bytes. Exit status 0: all is well; 1: something is not; 2: no answer.

    Servers may run meanwhile: what looks wrong is looked at twice.
    """

    async def checked(settings: Settings) -> Counter[str]:
        told: Counter[str] = Counter()
        async with opened(settings) as services:
            await services.belonging.check()
            async for finding in services.checking.check(rehash=rehash, repair=repair):
                _tell(finding, as_json)
                told["findings"] += 1
                told["repaired"] += finding.repaired is not None
        return told

    try:
        told = carry_out(checked)
    except typer.Exit as stopped:
        raise typer.Exit(COULD_NOT_RUN if stopped.exit_code == 1 else stopped.exit_code) from None
    _sum_up(told, as_json)
    raise typer.Exit(1 if told["findings"] else 0)


def _tell(finding: Finding, as_json: bool) -> None:
    """At once: a check of much may take long, and what it has found must not wait for its end."""
    if as_json:
        print(json.dumps(dataclasses.asdict(finding)), flush=True)
        return
    done = f" Repaired: {finding.repaired}." if finding.repaired else ""
    print(f"{finding.severity}: {finding.says}.{done}", flush=True)


def _sum_up(told: Counter[str], as_json: bool) -> None:
    if as_json:
        print(json.dumps({"findings": told["findings"], "repaired": told["repaired"]}))
    elif not told["findings"]:
        print("All is well.")
    else:
        left = told["findings"] - told["repaired"]
        print(f"{told['findings']} found, {told['repaired']} repaired, {left} left.")
