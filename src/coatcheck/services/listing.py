"""Listing: which attachments a caller sees, page by page, and what it uses of what it may."""

from __future__ import annotations

from dataclasses import dataclass

from coatcheck.domain.attachment import Attachment
from coatcheck.domain.pages import CountedPage, Page, Window
from coatcheck.domain.principal import Principal
from coatcheck.domain.quota import Usage
from coatcheck.domain.selection import Selection
from coatcheck.services.digests import Digests
from coatcheck.services.ports import Clock, Transactions


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """`detached_space` is in bytes."""

    usage: Usage
    detached_count: int
    detached_space: int


class Listing:
    def __init__(self, transactions: Transactions, clock: Clock, digests: Digests) -> None:
        self._transactions = transactions
        self._clock = clock
        self._digests = digests

    async def detached(
        self, caller: Principal, window: Window, *, digest: str | None = None
    ) -> CountedPage[Attachment]:
        """The caller's own detached ones, newest first; with the digest that the dialect names them by."""
        if digest:
            await self._digests.complete(digest, owner_id=caller.id)
        async with self._transactions.read() as facts:
            return await facts.listings.detached(caller.id, window, self._clock.now())

    async def visible(
        self, caller: Principal, selection: Selection, window: Window
    ) -> Page[Attachment]:
        """All that the caller may read and that is selected: its own detached ones, and its tenant's; newest first."""
        async with self._transactions.read() as facts:
            return await facts.listings.visible(caller, selection, window, self._clock.now())

    async def filed(self, caller: Principal, page: int, per_page: int) -> CountedPage[Attachment]:
        """Those in the tenant's tree, newest first; pages count from 1."""
        async with self._transactions.read() as facts:
            return await facts.listings.filed(caller.tenant_id, (page - 1) * per_page, per_page)

    async def holdings(self, caller: Principal) -> Holdings:
        async with self._transactions.read() as facts:
            usage = await facts.quotas.usage(caller.id)
            count, space = await facts.listings.detached_usage(caller.id, self._clock.now())
        return Holdings(usage=usage, detached_count=count, detached_space=space)
