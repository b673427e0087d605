"""Of the machine and the settings: addresses, files, directories, room."""

from __future__ import annotations

import os
import resource
import shutil
import stat
from pathlib import Path
from urllib.parse import urlsplit

from coatcheck.blobs.base import LocalPath, new_blob_key
from coatcheck.cli.examining.finding import Finding, State
from coatcheck.cli.tables import amount
from coatcheck.services.bundle import Services
from coatcheck.settings import Settings, unknown

#: Bytes. With less room, deposits and even deletions will soon fail; with less than ten times that it is time to look.
LEAST_ROOM = 256 * 1024 * 1024


async def names() -> Finding:
    if found := unknown():
        return Finding("settings", "warning", f"there is no {', '.join(found)}; see .env.example")
    return Finding("settings", "ok", "each has a value that can be, and no other is set")


async def public_url(settings: Settings) -> Finding:
    if not settings.public_url:
        return Finding(
            "public url", "ok", "not set: links are made from each request's Host header"
        )
    parts = urlsplit(settings.public_url)
    if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        return Finding("public url", "warning", f"{settings.public_url}: keys travel in the clear")
    return Finding("public url", "ok", settings.public_url)


async def open_files() -> Finding:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    enough = most == resource.RLIM_INFINITY or most >= 4096
    return Finding(
        "open files",
        "ok" if enough else "warning",
        "no limit" if most == resource.RLIM_INFINITY else f"up to {most}, 4096 or more are advised",
    )


async def data_directory(settings: Settings) -> Finding:
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


async def free_space(settings: Settings, services: Services) -> Finding:
    places = {settings.data_dir.absolute()}
    if isinstance(services.blobs, LocalPath):
        places.add(services.blobs.path(new_blob_key()).parent.parent)
    free, place = min((shutil.disk_usage(_nearest(place)).free, place) for place in places)
    state: State = "ok"
    if free < LEAST_ROOM:
        state = "wrong"
    elif free < max(10 * LEAST_ROOM, settings.max_size):
        state = "warning"
    return Finding("free space", state, f"{amount(free)} in {place}")


def _nearest(place: Path) -> Path:
    return next(path for path in (place, *place.parents) if path.exists())
