"""What one check is, and how it goes through rows of any number."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from coatcheck.domain.finding import Finding
from coatcheck.services.audit_facts import Auditing
from coatcheck.services.ports import Transactions

T = TypeVar("T")

#: Rows that are looked at together.
PAGE = 500


class Check(Protocol):
    def look(self, only: Sequence[Finding] | None = None) -> AsyncIterator[Finding]:
        """What is wrong now; `only`: of what these findings are about, or of everything where it costs little."""
        ...

    async def repair(self, finding: Finding) -> str | None:
        """What was done about it, as a sentence; None where a person has to decide. Never removes the only copy."""
        ...


class Beyond(Protocol[T]):
    """A page of rows after an id, or those rows."""

    def __call__(
        self, beyond: int, limit: int, only: Sequence[int] | None = None
    ) -> Awaitable[list[T]]: ...


async def pages(
    transactions: Transactions,
    which: Callable[[Auditing], Beyond[T]],
    number: Callable[[T], int],
    only: Sequence[Finding] | None = None,
) -> AsyncIterator[list[T]]:
    """All rows, or those of the findings; each page from a transaction of its own."""
    if only is not None:
        wanted = sorted({int(finding.id) for finding in only})
        for some in (wanted[at : at + PAGE] for at in range(0, len(wanted), PAGE)):
            async with transactions.read() as facts:
                found = await which(facts.auditing)(0, PAGE, some)
            yield found
        return
    beyond = 0
    while True:
        async with transactions.read() as facts:
            found = await which(facts.auditing)(beyond, PAGE)
        if not found:
            return
        yield found
        beyond = number(found[-1])
