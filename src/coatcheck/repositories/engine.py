"""Opening the database, with the durability the promises need set on every connection and read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import event, make_url
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from coatcheck.repositories import postgresql, sqlite_driver
from coatcheck.repositories.postgresql import Patience

#: Seconds a connection waits for another process's write lock before it gives up.
BUSY_TIMEOUT = 15

#: Connections of one process. On SQLite writers queue among themselves; the rest serve readers.
POOL_SIZE = 8

#: KiB of SQLite's pages that each connection keeps: a transaction of many small uploads fits.
CACHE = 8192

#: Execution option of a connection to SQLite that will only read.
READ_ONLY = "coatcheck_read_only"


def write_ahead_log_is_safe(version: tuple[int, int, int]) -> bool:
    """Whether this SQLite is free of the race that loses commits when the write-ahead log is reset.

    Mended in 3.51.3 and in the patch releases 3.44.6 and 3.50.7 (sqlite.org/wal.html, «the WAL-reset bug»).
    """
    return version >= (3, 51, 3) or any(
        version[:2] == fixed[:2] and version >= fixed for fixed in ((3, 44, 6), (3, 50, 7))
    )


def journal_settings(version: tuple[int, int, int]) -> tuple[str, str]:
    """(journal_mode, synchronous): the fastest pair that survives power loss on this SQLite."""
    return ("wal", "full") if write_ahead_log_is_safe(version) else ("delete", "extra")


_SYNCHRONOUS = {"full": 2, "extra": 3}


def open_engine(
    url: str | URL, *, pool: int = POOL_SIZE, patience: Patience | None = None
) -> AsyncEngine:
    """An engine for a `sqlite:` or `postgresql+psycopg:` URL, with that many connections at most.

    Raises ValueError for a URL that none can be made for.
    """
    parsed = _parsed(url)
    if parsed.drivername == "postgresql+psycopg":
        return _open_postgresql(parsed, pool, patience or Patience())
    if parsed.drivername not in ("sqlite", "sqlite+aiosqlite"):
        raise ValueError(
            "no database can be opened by this URL: it has to begin with sqlite: or postgresql+psycopg:"
        )
    if (file := file_of(parsed)) is not None:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = _created(
        parsed.set(drivername="sqlite+coatcheck"),
        pool_size=pool,
        connect_args={"timeout": BUSY_TIMEOUT},
    )
    sqlite_driver.close_with(engine)
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _open_postgresql(url: URL, pool: int, patience: Patience) -> AsyncEngine:
    engine = _created(
        url,
        pool_size=pool,
        max_overflow=0,
        pool_timeout=BUSY_TIMEOUT,
        # So that a restart of the server, or a proxy that hung up, costs nobody a request.
        pool_pre_ping=True,
        isolation_level="READ COMMITTED",
        connect_args=postgresql.connect_args(url, patience),
    )
    event.listen(engine.sync_engine, "connect", postgresql.preparing(patience))
    return engine


def for_reading(engine: AsyncEngine) -> AsyncEngine:
    """The same, for transactions that only read: each is one consistent snapshot."""
    if engine.dialect.name == "postgresql":
        return engine.execution_options(**postgresql.READING)
    return engine.execution_options(**{READ_ONLY: True})


def file_of(url: str | URL) -> Path | None:
    """The file of a SQLite database that is one. Raises ValueError for what is no URL of a database."""
    parsed = _parsed(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        return None
    return Path(str(parsed.database))


def _parsed(url: str | URL) -> URL:
    try:
        return make_url(url)
    except SQLAlchemyError as error:
        raise ValueError(f"no database can be opened by this URL: {error}") from error


def _created(url: URL, **options: Any) -> AsyncEngine:
    try:
        return create_async_engine(url, **options)
    except ImportError as error:
        raise ValueError(
            f"{error}; PostgreSQL needs the extra `postgres`:"
            " pip install -c constraints.txt '.[postgres]' in a checkout"
        ) from error
    except SQLAlchemyError as error:
        raise ValueError(f"no database can be opened by this URL: {error}") from error


def _prepare_sqlite(connection: Any, _record: object) -> None:
    journal, synchronous = journal_settings(sqlite_driver.sqlite.sqlite_version_info)
    cursor = connection.cursor()
    try:
        cursor.execute(f"PRAGMA journal_mode = {journal}")
        (actual,) = cursor.fetchone()
        cursor.execute(f"PRAGMA synchronous = {synchronous}")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute(f"PRAGMA cache_size = -{CACHE}")
        cursor.execute("PRAGMA synchronous")
        (level,) = cursor.fetchone()
        cursor.execute("PRAGMA foreign_keys")
        (enforced,) = cursor.fetchone()
    finally:
        cursor.close()
    if actual not in (journal, "memory") or level != _SYNCHRONOUS[synchronous] or not enforced:
        raise RuntimeError(
            f"SQLite did not take its durability settings: journal_mode={actual}, synchronous={level}, "
            f"foreign_keys={enforced}"
        )


def _begin_sqlite(connection: Connection) -> None:
    # A deferred transaction that turns from reading to writing fails at once when another wrote
    # in between, whatever the time-out: so a writer takes its lock at the start.
    read_only = connection.get_execution_options().get(READ_ONLY, False)
    if read_only:
        # As cheap as it is: it takes no lock, so that there is nothing of it that could fail.
        connection.connection.cursor().execute("BEGIN")
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
