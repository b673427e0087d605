"""A database that fails at its nth operation: before it has done what it was asked, or once it has, its answer lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from sqlalchemy.ext.asyncio import AsyncEngine

#: Where SQLAlchemy hands an operation to the driver.
_OPERATIONS = ("do_execute", "do_executemany", "do_execute_no_params", "do_commit")


class FailingDatabase:
    """Counts what goes to the driver; the operation numbered `nth` (from 1) fails, and no other."""

    def __init__(self, nth: int, *, after: bool, only_commits: bool = False) -> None:
        self.fired = ""
        self._left = nth
        self._after = after
        self._only_commits = only_commits

    @contextmanager
    def under(self, engine: AsyncEngine) -> Iterator[None]:
        """The engine's database fails, for this block."""
        dialect: Any = engine.dialect
        failing: dict[str, Any] = {name: self._failing(dialect, name) for name in _OPERATIONS}
        with mock.patch.multiple(dialect, **failing):
            yield

    def _failing(self, dialect: Any, name: str) -> Callable[..., Any]:
        real = getattr(dialect, name)

        def operation(*args: Any, **options: Any) -> Any:
            if self._only_commits and name != "do_commit":
                return real(*args, **options)
            self._left -= 1
            if self._left:
                return real(*args, **options)
            self.fired = name if name == "do_commit" else str(args[1])
            if self._after:
                real(*args, **options)
            raise dialect.loaded_dbapi.OperationalError("the test says that the disk fails")

        return operation
