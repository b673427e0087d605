"""The condition of the database: what it is, what is really in force, and whether it keeps what it is given."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from sqlalchemy import delete, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from coatcheck.repositories import postgresql
from coatcheck.repositories.engine import (
    journal_settings,
    open_engine,
    write_ahead_log_is_safe,
)
from coatcheck.repositories.schema import REVISION, serves
from coatcheck.repositories.sqlite_driver import sqlite
from coatcheck.repositories.tables import attachments, installation, keys

_SYNCHRONOUS = {"0": "off", "1": "normal", "2": "full", "3": "extra"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """`newest` is when the newest row was made, in ms since 1970, 0 for none; `pragmas` are settings as read back.

    `fits`: this program can serve on the revision. `doubtful`: `why` says what makes it less safe than it could be.
    """

    kind: str
    version: str
    revision: str | None
    fits: bool
    wanted_revision: str = REVISION
    pragmas: dict[str, str] = field(default_factory=dict)
    wanted_pragmas: dict[str, str] = field(default_factory=dict)
    why: str = ""
    doubtful: bool = False
    newest: int = 0


@asynccontextmanager
async def examined(url: str) -> AsyncIterator[Examination]:
    """The database of this URL, on connections like those of the server. Raises ValueError."""
    engine = open_engine(url)
    try:
        yield Examination(engine)
    finally:
        await engine.dispose()


class Examination:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def condition(self) -> Condition:
        """What the database says of itself."""
        kind = self._engine.dialect.name
        async with self._engine.connect() as connection:
            found, fits = await serves(connection)
            newest = await _newest(connection) if fits else 0
            if kind == "postgresql":
                version = str(await connection.scalar(text("SHOW server_version")))
                settings = await postgresql.in_force(connection)
                return Condition(
                    kind="PostgreSQL",
                    version=version,
                    revision=found,
                    fits=fits,
                    pragmas=settings,
                    wanted_pragmas=postgresql.WANTED,
                    why="; ".join(postgresql.doubts(version, settings)),
                    doubtful=bool(postgresql.doubts(version, settings)),
                    newest=newest,
                )
            pragmas = await _pragmas(connection)
        journal, synchronous = journal_settings(sqlite.sqlite_version_info)
        return Condition(
            kind="SQLite",
            version=sqlite.sqlite_version,
            revision=found,
            fits=fits,
            pragmas=pragmas,
            wanted_pragmas={
                "journal_mode": journal,
                "synchronous": synchronous,
                "foreign_keys": "1",
            },
            why=_why(),
            newest=newest,
        )

    async def probe(self) -> None:
        """Write a row, read it on another connection, and remove it. Raises RuntimeError when it is not the same."""
        name, value = f"probe-{secrets.token_hex(8)}", secrets.token_hex(16)
        async with self._engine.begin() as connection:
            await connection.execute(insert(installation).values(name=name, value=value))
        try:
            async with self._engine.connect() as connection:
                kept = await connection.scalar(
                    select(installation.c.value).where(installation.c.name == name)
                )
        finally:
            async with self._engine.begin() as connection:
                await connection.execute(delete(installation).where(installation.c.name == name))
        if kept != value:
            raise RuntimeError("what was written is not what was read")


async def _newest(connection: AsyncConnection) -> int:
    found = [
        await connection.scalar(select(func.max(table.c.created_at)))
        for table in (attachments, keys)
    ]
    return max(each or 0 for each in found)


async def _pragmas(connection: AsyncConnection) -> dict[str, str]:
    found = {
        name: str(await connection.scalar(text(f"PRAGMA {name}")))
        for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
    }
    return found | {"synchronous": _SYNCHRONOUS[found["synchronous"]]}


def _why() -> str:
    if write_ahead_log_is_safe(sqlite.sqlite_version_info):
        return "this SQLite has a safe write-ahead log: full is durable with it"
    return (
        "this SQLite can lose commits when its write-ahead log is reset (mended in 3.51.3, 3.50.7 and 3.44.6):"
        " a rollback journal is used, which needs extra"
    )
