"""Deleting an attachment: gone on the wire at once, its bytes right after."""

from __future__ import annotations

from collections.abc import Iterable

from coatcheck.domain.claim import Reference
from coatcheck.domain.errors import NotFound
from coatcheck.domain.lifecycle import State
from coatcheck.domain.principal import Principal
from coatcheck.services.downloads import Downloads
from coatcheck.services.ports import Clock, Transactions
from coatcheck.services.purging import Purging
from coatcheck.services.shielding import to_the_end


class Deleting:
    def __init__(
        self, transactions: Transactions, clock: Clock, downloads: Downloads, purging: Purging
    ) -> None:
        self._transactions = transactions
        self._clock = clock
        self._downloads = downloads
        self._purging = purging

    async def delete(
        self, caller: Principal, reference: Reference, states: Iterable[State]
    ) -> None:
        """The one the caller sees by that name, if it is in one of the states its dialect deletes from.

        Raises NotFound, also where a claim or another delete was first.
        """
        found = await self._downloads.find(caller, reference)
        await to_the_end(self._delete(found.id, tuple(states)))
        await self._purging.purge_now([found.id])

    async def _delete(self, attachment_id: int, states: tuple[State, ...]) -> None:
        async with self._transactions.write() as facts:
            if not await facts.lives.delete(attachment_id, states, self._clock.now()):
                raise NotFound
