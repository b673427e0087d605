"""The schema of the database: which version it has, and bringing it to the one that this program is written for.

The migrations lie in `alembic/` of a checkout and in `coatcheck/migrations` of an installed package.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, delete, insert, inspect, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from coatcheck.repositories.engine import file_of, open_engine
from coatcheck.repositories.failures import in_our_words
from coatcheck.repositories.postgresql import Patience
from coatcheck.repositories.tables import installation

#: The migration whose outcome `tables.py` describes.
REVISION = "0002"

#: The oldest revision whose programs can serve on a database of ours: it moves when a migration takes something away.
SERVES_SINCE = "0001"

_MARK = "serves_since"

#: Any number will do that nobody else locks on the same server.
_ADVISORY_LOCK = 0x_C0A7_C4EC


async def upgrade(url: str) -> tuple[str | None, str]:
    """Migrate to `REVISION`, in one transaction; the revisions before and after.

    Any number of processes may try at once: they take turns, and all but the first find nothing to do. A newer one
    that this program can serve on is left as it is. Raises ValueError when the database has a version that this
    program does not know, and Unavailable when it cannot serve.
    """
    with _turn(url), in_our_words():
        engine = open_engine(url, patience=Patience(statement=0, lock=0, idle=0))
        try:
            async with engine.begin() as connection:
                if engine.dialect.name == "postgresql":
                    await _take_turn(connection)
                before, fits = await serves(connection)
                if fits:
                    return before, before or REVISION
                await connection.run_sync(_migrate)
                await connection.run_sync(_mark)
                return before, REVISION
        finally:
            await engine.dispose()


async def revision(connection: AsyncConnection) -> str | None:
    """The version of the database; None where it has none."""
    return await connection.run_sync(_revision)


async def serves(connection: AsyncConnection) -> tuple[str | None, bool]:
    """The version of the database, and whether this program can serve on it.

    It can on its own, and on a newer one whose marker says that nothing was taken away since: so nodes are replaced
    one after another, the database first.
    """
    found = await revision(connection)
    if found is None or found <= REVISION:
        return found, found == REVISION
    since = await connection.run_sync(_serves_since)
    return found, since is not None and since <= REVISION


def stamp(connection: Connection) -> None:
    """Say of tables that were made from their metadata that they are at `REVISION`."""
    connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
    connection.execute(
        text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": REVISION}
    )


async def _take_turn(connection: AsyncConnection) -> None:
    """However long another node migrates; but then nobody who serves has to wait for a lock of ours for long."""
    await connection.execute(text(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})"))
    await connection.execute(text("SET LOCAL lock_timeout = '10s'"))


def _mark(connection: Connection) -> None:
    connection.execute(delete(installation).where(installation.c.name == _MARK))
    connection.execute(insert(installation).values(name=_MARK, value=SERVES_SINCE))


def migrations() -> Path:
    """The directory of the migrations. Raises FileNotFoundError."""
    package = Path(__file__).parent.parent
    for directory in (package / "migrations", package.parent.parent / "alembic"):
        if (directory / "env.py").is_file():
            return directory
    raise FileNotFoundError(f"the migrations are missing: {package / 'migrations'}")


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def _serves_since(connection: Connection) -> str | None:
    if not inspect(connection).has_table(installation.name):
        return None
    query = select(installation.c.value).where(installation.c.name == _MARK)
    found: str | None = connection.scalar(query)
    return found


def _migrate(connection: Connection) -> None:
    # Alembic takes longer to import than the server to start, and only this needs it.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(migrations()).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise ValueError(f"the database cannot be migrated: {error}") from error


@contextmanager
def _turn(url: str) -> Iterator[None]:
    """One process at a time, where the database is a file: making it, and choosing its journal, is no transaction."""
    file = file_of(url)
    if file is None:
        yield
        return
    directory = file.parent
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    # The directory itself can be locked, so that no lock file has to stay behind.
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
