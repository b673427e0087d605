"""Quotas: what an owner is charged, and what was counted of owners and tenants, is what the rows add up to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from coatcheck.domain.finding import Finding, Severity
from coatcheck.domain.soundness import Miscount
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
                if wrong := _wrong(owner):
                    yield Finding(
                        kind="quota",
                        severity=Severity.WRONG,
                        subject="owner",
                        id=owner.id,
                        says=f"the quota of owner {owner.id}: {wrong}",
                    )
        async for page in pages(
            self._transactions, lambda facts: facts.trees, lambda miscount: miscount.id, only
        ):
            for tenant in page:
                if wrong := _wrong(tenant):
                    yield Finding(
                        kind="tree",
                        severity=Severity.WRONG,
                        subject="tenant",
                        id=tenant.id,
                        says=f"the tree of tenant {tenant.id}: {wrong}",
                    )

    async def repair(self, finding: Finding) -> str | None:
        async with self._transactions.write() as facts:
            if finding.kind == "tree":
                await facts.repairing.recount_tree(int(finding.id))
            else:
                await facts.repairing.resum(int(finding.id))
        return "it was summed again"


def _wrong(miscount: Miscount) -> str:
    return "; ".join(
        f"{name} is {noted}, and by the rows {miscount.counted[name]}"
        for name, noted in miscount.noted.items()
        if noted != miscount.counted[name]
    )
