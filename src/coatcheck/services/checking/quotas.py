"""Quotas: what an owner is charged is what the rows add up to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from coatcheck.domain.finding import Finding, Severity
from coatcheck.services.checking.check import pages
from coatcheck.services.ports import Transactions


class Quotas:
    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    async def look(self, only: Sequence[Finding] | None = None) -> AsyncIterator[Finding]:
        async for page in pages(
            self._transactions, lambda facts: facts.quotas, lambda miscount: miscount.id, only
        ):
            for owner in page:
                wrong = [
                    f"{name} is {owner.noted[name]}, and by the rows {owner.counted[name]}"
                    for name in owner.noted
                    if owner.noted[name] != owner.counted[name]
                ]
                if wrong:
                    yield Finding(
                        kind="quota",
                        severity=Severity.WRONG,
                        subject="owner",
                        id=owner.id,
                        says=f"the quota of owner {owner.id}: {'; '.join(wrong)}",
                    )

    async def repair(self, finding: Finding) -> str | None:
        async with self._transactions.write() as facts:
            await facts.repairing.resum(int(finding.id))
        return "it was summed again"
