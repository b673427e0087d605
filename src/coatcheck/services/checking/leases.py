"""Leases and dates: nothing is held for longer than anybody holds it, and nothing is kept long after its time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from coatcheck.blobs.base import BlobStore, ListsLeftovers
from coatcheck.domain.finding import Finding, Severity
from coatcheck.services.checking.check import PAGE
from coatcheck.services.commands import Limits
from coatcheck.services.ports import Clock, Transactions

#: ms that the clocks of two machines may differ.
_SLACK = 60_000


class Leases:
    """A lease that ends later than any begun now was taken by a clock that was ahead: nobody could take it over."""

    def __init__(self, transactions: Transactions, clock: Clock, limits: Limits) -> None:
        self._transactions = transactions
        self._clock = clock
        self._limits = limits

    async def look(self, only: Sequence[Finding] | None = None) -> AsyncIterator[Finding]:
        async with self._transactions.read() as facts:
            twice = await facts.auditing.named_twice(PAGE)
            intents, purging = await facts.auditing.leases_beyond(self._latest(), PAGE)
        for key in twice:
            yield _finding(
                "named-twice", "blob", key, "a part names it, and an intent that a sweep drops"
            )
        for key in set(intents) - set(twice):
            yield _finding("intent-lease", "blob", key, "its intent is leased for far too long")
        for attachment_id in purging:
            yield _finding(
                "purge-lease", "attachment", attachment_id, "its purge is leased for far too long"
            )

    async def repair(self, finding: Finding) -> str | None:
        async with self._transactions.write() as facts:
            if finding.kind == "named-twice":
                if await facts.repairing.forget_intent(str(finding.id)):
                    return "the intent was dropped, the blob stays"
            elif finding.kind == "intent-lease":
                if await facts.repairing.end_intent_lease(
                    str(finding.id), self._latest(), self._clock.now()
                ):
                    return "the lease was ended"
            elif await facts.repairing.end_purge_lease(int(finding.id), self._latest()):
                return "the lease was ended"
        return None

    def _latest(self) -> int:
        limits = self._limits
        longest = max(limits.lease, limits.url_life + limits.url_slack)
        return self._clock.now() + longest + _SLACK


def _finding(kind: str, subject: str, id: int | str, says: str) -> Finding:
    return Finding(
        kind=kind, severity=Severity.WRONG, subject=subject, id=id, says=f"{subject} {id}: {says}"
    )


class Overdue:
    """What a sweep should have thrown away. `patience`: ms that sweeps may be late."""

    def __init__(
        self,
        transactions: Transactions,
        blobs: BlobStore,
        clock: Clock,
        limits: Limits,
        patience: int,
        sweep: Callable[[], Awaitable[object]],
    ) -> None:
        self._transactions = transactions
        self._blobs = blobs
        self._clock = clock
        self._limits = limits
        self._patience = patience
        self._sweep = sweep

    async def look(self, only: Sequence[Finding] | None = None) -> AsyncIterator[Finding]:
        before = self._clock.now() - self._patience
        async with self._transactions.read() as facts:
            counts = await facts.auditing.overdue(before, before - self._limits.tombstone)
        if isinstance(self._blobs, ListsLeftovers):
            older_than = (self._limits.lease + self._patience) / 1000
            counts["half-written files"] = len(await self._blobs.leftovers(older_than))
        for what, number in counts.items():
            if number:
                yield Finding(
                    kind="overdue",
                    severity=Severity.LEFTOVER,
                    subject="sweep",
                    id=what,
                    says=f"{number} {what} should be gone: no sweep has come by",
                )

    async def repair(self, _finding: Finding) -> str | None:
        await self._sweep()
        return "a sweep was made"
