"""Deleting an attachment: gone on the wire at once, its bytes right after."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import partial

from coatcheck.domain.attachment import Attachment
from coatcheck.domain.claim import Reference
from coatcheck.domain.errors import AlreadyClaimed, Forbidden, NotFound
from coatcheck.domain.lifecycle import State
from coatcheck.domain.principal import Principal
from coatcheck.faultpoints import reach
from coatcheck.services.contention import persistently
from coatcheck.services.downloads import Downloads
from coatcheck.services.events import Deleted
from coatcheck.services.facts import Facts
from coatcheck.services.ports import Clock, Transactions, Witness
from coatcheck.services.purging import Purging
from coatcheck.services.shielding import to_the_end


class Deleting:
    def __init__(
        self,
        transactions: Transactions,
        clock: Clock,
        downloads: Downloads,
        purging: Purging,
        witness: Witness,
    ) -> None:
        self._transactions = transactions
        self._clock = clock
        self._downloads = downloads
        self._purging = purging
        self._witness = witness

    async def delete(
        self,
        caller: Principal,
        reference: Reference,
        states: Iterable[State],
        *,
        held_by: Collection[str] | None = None,
        own: bool = False,
        tell_why: bool = False,
    ) -> None:
        """The one the caller sees by that name, if it is in one of the states its dialect deletes from.

        `own`: another's looks as if there were none. `held_by`: kinds of containers out of which it may be taken; None
        is all of them. Raises Forbidden where one of another kind holds it, NotFound also where a claim or another
        delete was first; with `tell_why`, AlreadyClaimed where it was a claim.
        """
        found = await self._downloads.find(caller, reference)
        if own and found.owner_id != caller.id:
            raise NotFound
        try:
            work = partial(self._delete, found, tuple(states), held_by)
            await to_the_end(persistently(work))
            await reach("D2")
        except NotFound:
            if tell_why and (await self._downloads.find(caller, reference)).state is State.CLAIMED:
                raise AlreadyClaimed("A container holds it, and has to release it first.") from None
            raise
        self._witness.tell(Deleted(caller=caller, attachment_id=found.id))
        await self._purging.purge_now([found.id])

    async def _delete(
        self, attachment: Attachment, states: tuple[State, ...], held_by: Collection[str] | None
    ) -> None:
        async with self._transactions.write() as facts:
            await facts.lives.lock([attachment.id])
            await reach("D0")
            if held_by is not None and not await _held_only_by(facts, attachment, held_by):
                raise Forbidden
            if not await facts.lives.delete(attachment.id, states, self._clock.now()):
                raise NotFound
            await reach("D1")


async def _held_only_by(facts: Facts, attachment: Attachment, kinds: Collection[str]) -> bool:
    rows = (await facts.claims.holders([attachment.id])).get(attachment.id, [])
    holders = await facts.containers.find_by_row(attachment.tenant_id, rows)
    return all(each.ref.kind in kinds for each in holders)
