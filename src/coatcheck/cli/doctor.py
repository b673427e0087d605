"""`coatcheck doctor`: whether this installation can keep its promises, each thing tried rather than believed."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import resource
import shutil
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlsplit

import typer

from coatcheck.cli.running import carry_out, refuse_missing_database
from coatcheck.cli.tables import amount, moment, print_table

if TYPE_CHECKING:
    from coatcheck.blobs.base import BlobStore
    from coatcheck.repositories.condition import Condition, Examination
    from coatcheck.services.bundle import Services
    from coatcheck.settings import Settings

#: Bytes of the probe: more than any setting lets the database keep.
PROBE = 2 * 1024 * 1024
#: With less room, deposits and even deletions will soon fail; with less than ten times that it is time to look.
LEAST_ROOM = 256 * 1024 * 1024
#: ms that clocks may differ.
SLACK = 60_000
#: 2025 began then, in ms: no clock that is right shows an earlier time.
_AFTER = 1_735_689_600_000


@dataclass(frozen=True, slots=True)
class Finding:
    name: str
    state: Literal["ok", "warning", "wrong"]
    says: str


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
    from coatcheck.bootstrap import CannotOpen, create_app, open_services
    from coatcheck.domain.errors import Unavailable
    from coatcheck.repositories.condition import examined

    findings: list[Finding] = []

    async def check(name: str, question: Callable[[], Awaitable[Finding]]) -> None:
        try:
            findings.append(await question())
        except Exception as error:  # whatever it is, it is the finding
            reason = str(getattr(error, "orig", error)) or type(error).__name__
            findings.append(Finding(name, "wrong", reason))

    async def app() -> Finding:
        create_app(settings)
        return Finding("apis", "ok", ", ".join(settings.dialects) or "none")

    await check("apis", app)
    await check("public url", lambda: _public_url(settings))
    await check("open files", _open_files)
    await check("data directory", lambda: _data_directory(settings))
    async with AsyncExitStack() as stack:
        try:
            refuse_missing_database(settings)
            examination = await stack.enter_async_context(examined(settings.effective_database_url))
            services = await stack.enter_async_context(open_services(settings))
        except (CannotOpen, Unavailable, ValueError) as error:
            return [*findings, Finding("opening", "wrong", str(error))]
        await check("free space", lambda: _free_space(settings, services))
        await check("blob store", lambda: _blob_store(services.blobs))
        if findings[-1].state == "ok":
            await check("blobs", lambda: _blobs(services))
        if await _examine_database(examination, services, check):
            await check("keys", lambda: _keys(services))
            await check("sweeps", lambda: _sweeps(settings, services))
    return findings


async def _examine_database(
    examination: Examination,
    services: Services,
    check: Callable[[str, Callable[[], Awaitable[Finding]]], Awaitable[None]],
) -> bool:
    """Whether there is a database with tables to look into."""
    known: list[Condition] = []

    async def database() -> Finding:
        known.append(await examination.condition())
        return _database(known[0])

    async def writing() -> Finding:
        await examination.probe()
        return Finding("writing rows", "ok", "a row was written, read and removed")

    await check("database", database)
    if not known:
        return False
    await check("migrations", lambda: _migrations(known[0]))
    await check("clock", lambda: _clock(known[0], services.clock.now()))
    if not known[0].fits:
        return False
    await check("writing rows", writing)
    return True


async def _public_url(settings: Settings) -> Finding:
    if not settings.public_url:
        return Finding(
            "public url", "ok", "not set: links are made from each request's Host header"
        )
    parts = urlsplit(settings.public_url)
    if not parts.hostname or parts.path or parts.query or parts.fragment or parts.username:
        return Finding(
            "public url", "wrong", f"{settings.public_url} is not just scheme, host and port"
        )
    if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        return Finding("public url", "warning", f"{settings.public_url}: keys travel in the clear")
    return Finding("public url", "ok", settings.public_url)


async def _open_files() -> Finding:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    enough = most == resource.RLIM_INFINITY or most >= 4096
    return Finding(
        "open files",
        "ok" if enough else "warning",
        "no limit" if most == resource.RLIM_INFINITY else f"up to {most}, 4096 or more are advised",
    )


async def _data_directory(settings: Settings) -> Finding:
    if settings.database_url and settings.blobs_url:
        return Finding("data directory", "ok", "not used: database and blobs are elsewhere")
    directory = settings.data_dir.absolute()
    if not directory.is_dir():
        return Finding("data directory", "wrong", f"{directory} is not there")
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        return Finding("data directory", "wrong", f"{directory} cannot be written")
    mode = stat.S_IMODE(directory.stat().st_mode)
    if mode & 0o077:
        return Finding(
            "data directory", "warning", f"{directory} is open to other users: chmod 700 it"
        )
    return Finding("data directory", "ok", f"{directory}, private")


async def _free_space(settings: Settings, services: Services) -> Finding:
    from coatcheck.blobs.base import LocalPath, new_blob_key

    places = {settings.data_dir.absolute()}
    if isinstance(services.blobs, LocalPath):
        places.add(services.blobs.path(new_blob_key()).parent.parent)
    free, place = min((shutil.disk_usage(_nearest(place)).free, place) for place in places)
    state: Literal["ok", "warning", "wrong"] = "ok"
    if free < LEAST_ROOM:
        state = "wrong"
    elif free < max(10 * LEAST_ROOM, settings.max_size):
        state = "warning"
    return Finding("free space", state, f"{amount(free)} in {place}")


def _nearest(place: Path) -> Path:
    return next(path for path in (place, *place.parents) if path.exists())


def _database(found: Condition) -> Finding:
    force = ", ".join(f"{name}={value}" for name, value in found.pragmas.items())
    missing = {
        name: value
        for name, value in found.wanted_pragmas.items()
        if found.pragmas.get(name) != value
    }
    says = f"{found.kind} {found.version} with {force}" + (f"; {found.why}" if found.why else "")
    if missing:
        return Finding("database", "wrong", f"{says}; wanted: {missing}")
    return Finding("database", "warning" if found.doubtful else "ok", says)


async def _migrations(found: Condition) -> Finding:
    if found.revision == found.wanted_revision:
        return Finding("migrations", "ok", f"at {found.revision}, the newest")
    if found.fits:
        return Finding("migrations", "ok", f"at {found.revision}, for newer nodes and for this one")
    return Finding(
        "migrations",
        "wrong",
        f"at {found.revision or 'nothing'}, {found.wanted_revision} is wanted: run `coatcheck db upgrade`",
    )


async def _clock(found: Condition, now: int) -> Finding:
    if now < _AFTER:
        return Finding("clock", "wrong", f"it shows {moment(now)}")
    if found.newest > now + SLACK:
        return Finding(
            "clock",
            "wrong",
            f"it shows {moment(now)}, yet something was stored at {moment(found.newest)}",
        )
    return Finding("clock", "ok", moment(now))


async def _blobs(services: Services) -> Finding:
    from coatcheck.blobs.base import BlobMissing, LocalPath, new_blob_key

    key = new_blob_key()
    content = [os.urandom(PROBE // 4) for _ in range(4)]

    async def pieces() -> AsyncIterator[bytes]:
        for piece in content:
            yield piece

    read = hashlib.sha256()
    try:
        await services.blobs.put(key, pieces())
        async for piece in services.blobs.read(key):
            read.update(piece)
        stamped = (
            services.blobs.path(key).stat().st_mtime * 1000
            if isinstance(services.blobs, LocalPath)
            else None
        )
    finally:
        await services.blobs.delete(key)
    if read.digest() != hashlib.sha256(b"".join(content)).digest():
        return Finding("blobs", "wrong", "what was stored is not what was read")
    try:
        await services.blobs.size(key)
    except BlobMissing:
        pass
    else:
        return Finding("blobs", "wrong", "what was deleted is still there")
    if stamped is not None and abs(stamped - services.clock.now()) > SLACK:
        return Finding("blobs", "warning", "the disk's clock is not this machine's")
    return Finding("blobs", "ok", f"{amount(PROBE)} were stored, read and removed")


async def _blob_store(blobs: BlobStore) -> Finding:
    from coatcheck.blobs.base import Remote

    if isinstance(blobs, Remote):
        await blobs.check()
        return Finding("blob store", "ok", "it answers, and lets us in")
    return Finding("blob store", "ok", "on this machine")


async def _keys(services: Services) -> Finding:
    now = services.clock.now()
    live = [
        key
        for key in await services.keys.all()
        if key.revoked_at is None and (key.expires_at is None or key.expires_at > now)
    ]
    if not live:
        return Finding("keys", "warning", "none is live: run `coatcheck keys create`")
    return Finding("keys", "ok", f"{len(live)} live")


async def _sweeps(settings: Settings, services: Services) -> Finding:
    late = services.clock.now() - 10 * settings.reap_every * 1000 - SLACK
    waiting = (await services.reaping.preview()).expired
    overdue = [due for due in waiting if due.expires_at is not None and due.expires_at < late]
    if overdue:
        return Finding(
            "sweeps",
            "warning",
            f"{len(overdue)} attachments should be gone: does a server run, or a `coatcheck sweep` from a timer?",
        )
    return Finding("sweeps", "ok", "nothing is overdue")
