"""The whole check: every rule, each suspicion looked at twice, and what may be put right put right."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

from coatcheck.blobs.base import BlobStore
from coatcheck.domain.finding import Finding, Severity
from coatcheck.services.checking.check import Check
from coatcheck.services.checking.content import Content
from coatcheck.services.checking.leases import Leases, Overdue
from coatcheck.services.checking.orphans import Orphans
from coatcheck.services.checking.quotas import Quotas
from coatcheck.services.checking.records import Records
from coatcheck.services.checking.stored import Stored
from coatcheck.services.checking.trees import Folders, Places
from coatcheck.services.commands import Limits
from coatcheck.services.events import Repaired
from coatcheck.services.ports import Clock, Transactions, Witness
from coatcheck.services.reaping import Reaping

#: Seconds between two looks at the same thing: longer than a request at work can be mistaken for a fault.
PAUSE = 2

#: Suspicions that wait together for their second look: what bounds the memory of a check.
_TOGETHER = 5_000


class Checking:
    """`patience` in ms: how late a sweep may be."""

    def __init__(
        self,
        *,
        transactions: Transactions,
        blobs: BlobStore,
        clock: Clock,
        limits: Limits,
        reaping: Reaping,
        patience: int,
        witness: Witness,
    ) -> None:
        self._transactions = transactions
        self._witness = witness
        self._content = Content(transactions, blobs)
        # In this order a repair makes the next one right: an intent to drop named bytes goes before a sweep.
        self._checks: list[Check] = [
            Leases(transactions, clock, limits),
            Records(transactions),
            Stored(transactions, blobs),
            Orphans(transactions, blobs),
            Folders(transactions),
            Places(transactions),
            Quotas(transactions),
            Overdue(transactions, blobs, clock, limits, patience, reaping.sweep),
        ]

    async def check(
        self, *, rehash: bool = False, repair: bool = False, pause: float = PAUSE
    ) -> AsyncIterator[Finding]:
        """All that is wrong, as it is found. `rehash` reads every byte that is stored. `repair` puts right what can
        be without removing anybody's bytes. `pause`, in seconds, lies between two looks. Raises Unavailable.
        """
        if rehash:
            async for damage in self._file_damage():
                yield damage
        for check in [*self._checks[:3], *([self._content] if rehash else []), *self._checks[3:]]:
            async for finding in self._confirmed(check, pause):
                yield await self._repaired(check, finding) if repair else finding

    async def _confirmed(self, check: Check, pause: float) -> AsyncIterator[Finding]:
        suspicions: list[Finding] = []
        async for finding in check.look():
            suspicions.append(finding)
            if len(suspicions) == _TOGETHER:
                for confirmed in await _again(check, suspicions, pause):
                    yield confirmed
                suspicions = []
        for confirmed in await _again(check, suspicions, pause):
            yield confirmed

    async def _repaired(self, check: Check, finding: Finding) -> Finding:
        repaired = await check.repair(finding)
        if repaired is not None:
            self._witness.tell(
                Repaired(
                    kind=finding.kind, subject=finding.subject, id=finding.id, repaired=repaired
                )
            )
        return replace(finding, repaired=repaired)

    async def _file_damage(self) -> AsyncIterator[Finding]:
        async with self._transactions.read() as facts:
            damage = await facts.auditing.file_damage()
        for says in damage:
            yield Finding(
                kind="database",
                severity=Severity.DAMAGE,
                subject="database",
                id="",
                says=f"the database: {says}",
            )


async def _again(check: Check, suspicions: list[Finding], pause: float) -> list[Finding]:
    """What is still so, in its present words."""
    if not suspicions:
        return []
    await asyncio.sleep(pause)
    suspected = {(finding.kind, finding.id) for finding in suspicions}
    return [
        finding
        async for finding in check.look(suspicions)
        if (finding.kind, finding.id) in suspected
    ]
