"""Attachments: state, claims, parts and what is charged for them agree."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from coatcheck.domain.finding import Finding, Severity
from coatcheck.domain.soundness import complaints, due
from coatcheck.services.checking.check import pages
from coatcheck.services.ports import Transactions


class Records:
    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    async def look(self, only: Sequence[Finding] | None = None) -> AsyncIterator[Finding]:
        async for page in pages(
            self._transactions, lambda facts: facts.records, lambda record: record.id, only
        ):
            for record in page:
                for kind, says in complaints(record):
                    yield Finding(
                        kind=kind,
                        severity=Severity.DAMAGE if kind == "incomplete" else Severity.WRONG,
                        subject="attachment",
                        id=record.id,
                        says=f"attachment {record.id} {says}",
                    )

    async def repair(self, finding: Finding) -> str | None:
        if finding.kind == "charge":
            return await self._charge(int(finding.id))
        if finding.kind == "held":
            async with self._transactions.write() as facts:
                if await facts.repairing.uphold(int(finding.id)):
                    return "it is claimed again"
        return None

    async def _charge(self, attachment_id: int) -> str | None:
        async with self._transactions.write() as facts:
            (record,) = await facts.auditing.records(0, 1, [attachment_id]) or (None,)
            wanted = due(record) if record else None
            owner_id = await facts.repairing.owner_of(attachment_id)
            if record is None or wanted is None or owner_id is None:
                return None
            charged, reserved = wanted
            if not await facts.repairing.set_charge(
                attachment_id, record.state, charged=charged, reserved=reserved
            ):
                return None
            await facts.repairing.resum(owner_id)
        return "it is charged as its state wants, and its owner's quota was summed again"
