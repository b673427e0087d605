"""What the use cases need from the outside, in their words. What each call promises is told where it is carried out.

Every change to the facts is made through a repository of `Facts`, inside one transaction of `Transactions`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from coatcheck.services.facts import Facts as Facts


class Clock(Protocol):
    def now(self) -> int:
        """Whole milliseconds since 1970 (UTC)."""
        ...


class Body(Protocol):
    """The bytes of one request, in order, once. It ends quietly when the sender hangs up; then `cut` is True."""

    @property
    def cut(self) -> bool: ...

    def __aiter__(self) -> AsyncIterator[bytes]: ...


class Transactions(Protocol):
    def write(self) -> AbstractAsyncContextManager[Facts]:
        """Durable at the end of the block; undone by an exception.

        Raises Unavailable, and OutcomeUnknown when the commit itself failed.
        """
        ...

    def read(self) -> AbstractAsyncContextManager[Facts]:
        """One consistent snapshot. Raises Unavailable."""
        ...

    async def check(self) -> None:
        """Raises Unavailable when the database does not answer, or has not the schema this program is written for."""
        ...
