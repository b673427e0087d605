"""SQLite, spoken to from the event loop itself.

A statement whose pages are in memory takes microseconds; to hand it to a thread and get it back takes ten times as
long, and that for each of the five or ten of a request. So statements run where they are awaited. What may wait goes to
a thread: a commit, which waits for the disk; a lock that another process holds; many rows at once; and a query that
turns out to be long, which is broken off and begun anew there. A change cannot be broken off, so one of many rows
has to say so (`MANY_ROWS`).
"""

from __future__ import annotations

import asyncio
import sqlite3 as _pythons
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any, TypeVar

from sqlalchemy import URL, event, pool
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util.concurrency import await_

from coatcheck.repositories.connecting import uninterrupted

try:
    from pysqlite3 import dbapi2 as _bundled
except ImportError:  # no build of it for this platform
    _bundled = _pythons

T = TypeVar("T")

#: The newer one of Python's own SQLite and the one that pysqlite3 brings along. A process must use but one of them: the
#: locks on a file are the process's, and one library does not know of the other's.
sqlite: ModuleType = max(_pythons, _bundled, key=lambda module: module.sqlite_version_info)

#: Seconds that a query may keep the event loop waiting.
_SOON = 0.002

#: Steps of SQLite's machine between two looks at the clock: some tens of microseconds.
_STEPS = 1000

#: Execution option of a statement that changes many rows: it is not tried on the event loop.
MANY_ROWS = "coatcheck_many_rows"

#: Parameters of one statement, or rows of one call, beyond which it is not tried on the event loop.
_MANY = 250

_BUSY, _LOCKED, _INTERRUPTED = 5, 6, 9


class _Cursor:
    """Each statement is carried out to its end, and its rows are kept, when it is executed."""

    arraysize = 1

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self._rows: deque[Any] = deque()
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    def execute(
        self, statement: str, parameters: Sequence[Any] = (), *, many: bool = False
    ) -> None:
        def act(cursor: Any) -> None:
            cursor.execute(statement, parameters)

        may_break_off = statement.lstrip()[:6].upper() == "SELECT"
        self._carry_out(act, many=many or len(parameters) > _MANY, may_break_off=may_break_off)

    def executemany(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        def act(cursor: Any) -> None:
            cursor.executemany(statement, rows)

        self._carry_out(act, many=len(rows) > _MANY, may_break_off=False)

    def fetchone(self) -> Any:
        return self._rows.popleft() if self._rows else None

    def fetchmany(self, size: int | None = None) -> list[Any]:
        return [self._rows.popleft() for _ in range(min(size or self.arraysize, len(self._rows)))]

    def fetchall(self) -> list[Any]:
        rows = list(self._rows)
        self._rows.clear()
        return rows

    def __iter__(self) -> Iterator[Any]:
        while self._rows:
            yield self._rows.popleft()

    def setinputsizes(self, *sizes: Any) -> None:
        pass

    def close(self) -> None:
        self._rows.clear()

    async def _async_soft_close(self) -> None:
        pass

    def _carry_out(self, act: Callable[[Any], None], *, many: bool, may_break_off: bool) -> None:
        def whole(raw: Any) -> None:
            cursor = raw.cursor()
            try:
                act(cursor)
                self.description = cursor.description
                self._rows = deque(cursor.fetchall() if cursor.description else ())
                self.rowcount, self.lastrowid = cursor.rowcount, cursor.lastrowid
            finally:
                cursor.close()

        if many:
            self._connection.in_thread(whole)
        else:
            await_(_at_once())  # SQLAlchemy insists that something is awaited
            self._connection.soon(whole, may_break_off=may_break_off)


async def _at_once() -> None:
    pass


class _Connection:
    """A connection that is used by one task at a time, and now and then by a thread in its stead."""

    def __init__(self, raw: Any, threads: _Threads, patience: float) -> None:
        self._raw = raw
        self._threads = threads
        self._patience = int(patience * 1000)
        self._deadline = 0.0
        self._changes = raw.total_changes
        self._watch()

    @property
    def driver_connection(self) -> Any:
        return self._raw

    @property
    def isolation_level(self) -> str | None:
        level: str | None = self._raw.isolation_level
        return level

    @isolation_level.setter
    def isolation_level(self, level: str | None) -> None:
        self._raw.isolation_level = level

    def cursor(self, server_side: bool = False) -> _Cursor:
        return _Cursor(self)

    def create_function(self, *args: Any, **options: Any) -> None:
        self._raw.create_function(*args, **options)

    def commit(self) -> None:
        self._end(lambda raw: raw.commit())

    def rollback(self) -> None:
        self._end(lambda raw: raw.rollback())

    def close(self) -> None:
        self._raw.set_progress_handler(None, 0)  # which refers to this connection
        self.in_thread(lambda raw: raw.close(), settle=False)

    def soon(self, work: Callable[[Any], T], *, may_break_off: bool) -> T:
        """At once, if it need not wait."""
        self._deadline = time.perf_counter() + _SOON if may_break_off else 0.0
        try:
            return work(self._raw)
        except sqlite.OperationalError as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code not in (_BUSY, _LOCKED, _INTERRUPTED):
                raise
        finally:
            self._deadline = 0.0
        return self.in_thread(work)

    def in_thread(self, work: Callable[[Any], T], *, settle: bool = True) -> T:
        """In a thread, where it may wait for others' locks."""

        def patiently() -> T:
            self._raw.execute(f"PRAGMA busy_timeout = {self._patience}")
            # It would have to wait for the event loop's thread each time.
            self._raw.set_progress_handler(None, 0)
            try:
                return work(self._raw)
            finally:
                if settle:
                    self._watch()
                    self._raw.execute("PRAGMA busy_timeout = 0")

        return await_(self._threads.run(patiently))

    def _end(self, how: Callable[[Any], None]) -> None:
        if self._raw.total_changes == self._changes:
            self.soon(how, may_break_off=False)
        else:
            self.in_thread(how)
            self._changes = self._raw.total_changes

    def _watch(self) -> None:
        self._raw.set_progress_handler(self._is_late, _STEPS)

    def _is_late(self) -> bool:
        return self._deadline > 0 and time.perf_counter() > self._deadline


_MOST_THREADS = 1000


class _Threads:
    """As many as there are connections; none before they are needed, since a process may fork till then."""

    def __init__(self) -> None:
        self._executor: ThreadPoolExecutor | None = None

    async def run(self, work: Callable[[], T]) -> T:
        if self._executor is None:
            # The connections are the bound. With fewer threads, those that wait for a lock would keep one from running
            # that has it.
            self._executor = ThreadPoolExecutor(_MOST_THREADS, thread_name_prefix="sqlite")
        loop = asyncio.get_running_loop()
        return await uninterrupted(loop.run_in_executor(self._executor, work))

    def close(self) -> None:
        executor, self._executor = self._executor, None
        if executor:
            executor.shutdown(wait=False)


class _Module:
    """What SQLAlchemy takes for a DBAPI module."""

    paramstyle = "qmark"

    def __init__(self) -> None:
        self.threads = _Threads()

    def __getattr__(self, name: str) -> Any:
        return getattr(sqlite, name)

    def connect(self, *args: Any, timeout: float = 5.0, **options: Any) -> _Connection:
        raw = sqlite.connect(
            *args, **{**options, "timeout": 0, "check_same_thread": False, "isolation_level": None}
        )
        return _Connection(raw, self.threads, timeout)


class dialect(SQLiteDialect_pysqlite):  # noqa: N801 - the name that SQLAlchemy looks for
    driver = "coatcheck"
    is_async = True
    supports_statement_cache = True
    supports_server_side_cursors = False

    @classmethod
    def import_dbapi(cls) -> Any:
        return _Module()

    @classmethod
    def get_pool_class(cls, url: URL) -> type[pool.Pool]:
        return pool.AsyncAdaptedQueuePool if cls._is_url_file_db(url) else pool.StaticPool

    def do_execute(self, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
        many = context is not None and context.execution_options.get(MANY_ROWS, False)
        cursor.execute(statement, parameters, many=many)

    def get_driver_connection(self, connection: Any) -> Any:
        return connection.driver_connection


registry.register("sqlite.coatcheck", __name__, "dialect")


def close_with(engine: AsyncEngine) -> None:
    """Its threads end when the engine is disposed of."""
    event.listen(
        engine.sync_engine, "engine_disposed", lambda ended: ended.dialect.dbapi.threads.close()
    )
