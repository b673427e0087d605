"""`coatcheck doctor`: whether this installation can keep its promises, each thing tried rather than believed."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from coatcheck.cli.examining.finding import Finding, Question
from coatcheck.cli.running import carry_out, refuse_missing_database
from coatcheck.cli.tables import print_table

if TYPE_CHECKING:
    from coatcheck.repositories.condition import Condition, Examination
    from coatcheck.services.bundle import Services
    from coatcheck.settings import Settings

Check = Callable[[str, Question], Awaitable[None]]


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Open and try everything a server needs: exit status 1 when something is wrong.

    One probe is stored, read back and removed. A running server is not disturbed.
    """
    findings = carry_out(_examine)
    healthy = all(finding.state != "wrong" for finding in findings)
    if as_json:
        found = [dataclasses.asdict(finding) for finding in findings]
        print(json.dumps({"healthy": healthy, "findings": found}, indent=2))
    else:
        rows = [(finding.name, finding.state, finding.says) for finding in findings]
        print_table(("CHECK", "STATE", "WHAT"), rows)
    raise typer.Exit(0 if healthy else 1)


async def _examine(settings: Settings) -> list[Finding]:
    from coatcheck.bootstrap import CannotOpen, create_app, in_full, open_services
    from coatcheck.cli.examining import facts, machine, store
    from coatcheck.domain.errors import CoatcheckError, Unavailable
    from coatcheck.repositories.condition import examined

    findings: list[Finding] = []

    async def check(name: str, question: Question) -> None:
        try:
            findings.append(await question())
        except CoatcheckError as error:
            findings.append(Finding(name, "wrong", in_full(error)))
        except Exception as error:  # whatever it is, it is the finding
            reason = str(getattr(error, "orig", error)) or type(error).__name__
            findings.append(Finding(name, "wrong", reason))

    async def app() -> Finding:
        create_app(settings)
        return Finding("apis", "ok", ", ".join(settings.dialects) or "none")

    await check("settings", machine.names)
    await check("apis", app)
    await check("public url", lambda: machine.public_url(settings))
    await check("open files", machine.open_files)
    await check("data directory", lambda: machine.data_directory(settings))
    async with AsyncExitStack() as stack:
        try:
            refuse_missing_database(settings)
            examination = await stack.enter_async_context(examined(settings.effective_database_url))
            services = await stack.enter_async_context(open_services(settings))
        except (CannotOpen, Unavailable, ValueError) as error:
            why = in_full(error) if isinstance(error, Unavailable) else str(error)
            return [*findings, Finding("opening", "wrong", why)]
        await check("free space", lambda: machine.free_space(settings, services))
        await check("blob store", lambda: store.blob_store(services.blobs))
        reachable = findings[-1].state == "ok"
        if reachable:
            await check("blobs", lambda: store.blobs(services))
        if await _examine_database(examination, services, check):
            if reachable:
                await check("pair", lambda: store.pair(services))
            await check("host", lambda: facts.host(services))
            await check("keys", lambda: facts.keys(services))
            await check("sweeps", lambda: facts.sweeps(settings, services))
    return findings


async def _examine_database(examination: Examination, services: Services, check: Check) -> bool:
    """Whether there is a database with tables to look into."""
    from coatcheck.cli.examining import facts

    known: list[Condition] = []

    async def database() -> Finding:
        known.append(await examination.condition())
        return facts.database(known[0])

    async def writing() -> Finding:
        await examination.probe()
        return Finding("writing rows", "ok", "a row was written, read and removed")

    await check("database", database)
    if not known:
        return False
    await check("migrations", lambda: facts.migrations(known[0]))
    await check("clock", lambda: facts.clock(known[0], services.clock.now()))
    if not known[0].fits:
        return False
    await check("writing rows", writing)
    return True
