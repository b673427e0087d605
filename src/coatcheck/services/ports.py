"""What the use cases need from the outside, in their words. What each call promises is told where it is carried out.

Every change to the facts is made through a repository of `Facts`, inside one transaction of `Transactions`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from coatcheck.domain.derivative import Derivative
from coatcheck.services.events import Event
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


class ImageProbe(Protocol):
    """Sees the first bytes of a body, and knows afterwards how many pixels a picture in it has, in width and height."""

    @property
    def dimensions(self) -> tuple[int, int] | None: ...

    def feed(self, data: bytes) -> object: ...


class Imaging(Protocol):
    def accepts(self, width: int, height: int, size: int) -> bool:
        """Whether it takes on pictures of that many pixels and bytes at all."""
        ...

    async def thumbnail(self, picture: AsyncIterator[bytes]) -> Derivative | None:
        """Small, and harmless whatever the picture is; None where none can be made of it. Raises Unavailable."""
        ...


class Witness(Protocol):
    """Is told what has happened, on the event loop: for metrics, for the audit log. It is quick and never raises."""

    def tell(self, event: Event) -> None: ...


class Disk(Protocol):
    def free(self) -> dict[str, int]:
        """Bytes free where the "database" lies, and the "blobs", as far as these are on disks of ours."""
        ...


class Meter(Protocol):
    """Counts answers; `dialect` and `route` are None where nothing of ours has that path."""

    def began(self) -> None: ...

    def answered(
        self,
        dialect: str | None,
        route: str | None,
        status: int,
        seconds: float,
        received: int,
        sent: int,
    ) -> None: ...

    def failed(self, dialect: str | None, code: str) -> None: ...

    async def exposed(self, accept: str) -> tuple[bytes, str]:
        """The numbers of all workers in the form that is accepted, and its media type."""
        ...

    def running(self) -> AbstractAsyncContextManager[None]:
        """While it serves."""
        ...


class Transactions(Protocol):
    #: Why nothing may be written from this process, if so: whatever writes is Unavailable then.
    halted: str | None

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
