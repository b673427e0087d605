"""Folders: the closure is that of the parents; and no container has two claims at one place."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from coatcheck.domain.finding import Finding, Severity
from coatcheck.services.checking.check import pages
from coatcheck.services.ports import Transactions


class Folders:
    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    async def look(self, only: Sequence[Finding] | None = None) -> AsyncIterator[Finding]:
        async for page in pages(
            self._transactions, lambda facts: facts.branches, lambda branch: branch.id, only
        ):
            for branch in page:
                if not branch.sound:
                    yield _finding(
                        "closure", branch.id, "the paths above it are not those of its parent"
                    )
        async for astray in pages(
            self._transactions, lambda facts: facts.astray, lambda folder_id: folder_id, only
        ):
            for folder_id in astray:
                yield _finding("astray", folder_id, "it is not there, and has paths")

    async def repair(self, finding: Finding) -> str | None:
        async with self._transactions.write() as facts:
            if finding.kind == "astray":
                await facts.repairing.cut_astray(int(finding.id))
                return "its paths were removed"
            (branch,) = await facts.auditing.branches(0, 1, [int(finding.id)]) or (None,)
            if branch is None:
                return None
            await facts.folders.lock_tree(branch.tenant_id)
            if not await facts.repairing.regrow(branch.tenant_id):
                return None
        return "the paths of its whole tree were made anew from its folders' parents"


def _finding(kind: str, folder_id: int, says: str) -> Finding:
    return Finding(
        kind=kind,
        severity=Severity.WRONG,
        subject="folder",
        id=folder_id,
        says=f"folder {folder_id}: {says}",
    )


class Places:
    """In what a container holds, each claim has a place of its own."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    async def look(self, only: Sequence[Finding] | None = None) -> AsyncIterator[Finding]:
        async for page in pages(
            self._transactions, lambda facts: facts.crowded, lambda container_id: container_id, only
        ):
            for container_id in page:
                yield Finding(
                    kind="places",
                    severity=Severity.WRONG,
                    subject="container",
                    id=container_id,
                    says=f"container {container_id} has two claims at one place",
                )

    async def repair(self, finding: Finding) -> str | None:
        async with self._transactions.write() as facts:
            held = await facts.claims.held_by(int(finding.id))
            await facts.claims.arrange(int(finding.id), [each.attachment.id for each in held])
        return "its claims were numbered again in their order"
