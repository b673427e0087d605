"""The tree of a tenant as a container: what is filed in it, under which token, and by which link it is read."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from coatcheck.domain.attachment import Attachment
from coatcheck.domain.claim import Reference
from coatcheck.domain.errors import NameTaken, NotFound
from coatcheck.domain.lifecycle import State
from coatcheck.domain.names import TokenPath
from coatcheck.domain.principal import Principal
from coatcheck.services.claiming import claiming
from coatcheck.services.contention import persistently
from coatcheck.services.events import Deleted
from coatcheck.services.filing import SITE, find_or_make_folders, hold
from coatcheck.services.names import new_capability
from coatcheck.services.ports import Clock, Facts, Transactions, Witness
from coatcheck.services.purging import Purging
from coatcheck.services.resolving import resolve
from coatcheck.services.shielding import to_the_end


class Tree:
    def __init__(
        self, transactions: Transactions, clock: Clock, purging: Purging, witness: Witness
    ) -> None:
        self._transactions = transactions
        self._clock = clock
        self._purging = purging
        self._witness = witness

    async def linked(self, caller: Principal, reference: Reference) -> Attachment:
        """What the caller may read by that name, with a capability: it is given one where it has none.

        Raises NotFound.
        """
        async with self._transactions.read() as facts:
            found = await _found(facts, caller, reference, self._clock.now())
        if found.capability is not None:
            return found
        async with self._transactions.write() as facts:
            now = self._clock.now()
            capability = await facts.attachments.share(found.id, new_capability(), now)
        if capability is None:
            raise NotFound
        return replace(found, capability=capability)

    async def refile(self, caller: Principal, reference: Reference, to: TokenPath) -> Attachment:
        """Give an attachment another token, exactly this one, or NameTaken. One of the caller's that is detached comes
        into the tree by this.

        A token with folders in it, or one that starts at the root, moves the attachment; a bare one leaves it where
        it is. Raises NotFound, also for what another container holds.
        """
        with claiming(self._witness, caller, SITE, ()) as taken:
            return await persistently(partial(self._refile, caller, reference, to, taken))

    async def _refile(
        self, caller: Principal, reference: Reference, to: TokenPath, taken: list[int]
    ) -> Attachment:
        async with self._transactions.write() as facts:
            now = self._clock.now()
            await facts.folders.lock_tree(caller.tenant_id)
            found = await _found(facts, caller, reference, now)
            if found.token == to.token and not to.rooted:
                return found
            if found.token != to.token and await facts.attachments.taken_tokens(
                caller.tenant_id, [to.token]
            ):
                raise NameTaken(field="token")
            if found.token is None:
                await _claim(facts, caller, found, now)
                taken[:] = [found.id]
            folder_id = found.folder_id
            if to.names_a_folder:
                folder_id = await find_or_make_folders(facts, caller.tenant_id, to.dirs, now)
            if (found.token, found.folder_id) == (to.token, folder_id):
                return found
            await facts.attachments.refile(
                found.id, token=to.token, name=to.base, folder_id=folder_id, now=now
            )
            await facts.attachments.share(found.id, new_capability(), now)
            return await _found(facts, caller, reference, now)

    async def withdraw(self, caller: Principal, reference: Reference) -> None:
        """Take an attachment out of the tree, and delete it unless a container holds it still. A detached one of the
        caller's is deleted.

        Raises NotFound, also for what only another container holds.
        """

        async def work() -> int:
            async with self._transactions.write() as facts:
                now = self._clock.now()
                await facts.folders.lock_tree(caller.tenant_id)
                found = await _found(facts, caller, reference, now)
                if found.token is not None:
                    await _let_go(facts, found, now)
                elif not await facts.lives.delete(found.id, [State.DETACHED], now):
                    raise NotFound
                return found.id

        gone = await to_the_end(persistently(work))
        self._witness.tell(Deleted(caller=caller, attachment_id=gone))
        await self._purging.purge_now([gone])


async def _found(facts: Facts, caller: Principal, reference: Reference, now: int) -> Attachment:
    found = await resolve(facts, caller, reference, now)
    if found is None:
        raise NotFound
    return found


async def _claim(facts: Facts, caller: Principal, detached: Attachment, now: int) -> None:
    if detached.state is not State.DETACHED:
        raise NotFound
    if not await facts.lives.claim([detached.id], now, exclusive=True):
        raise NotFound
    await hold(
        facts,
        SITE,
        tenant_id=caller.tenant_id,
        owner_id=caller.id,
        attachment_ids=[detached.id],
        now=now,
    )


async def _let_go(facts: Facts, filed: Attachment, now: int) -> None:
    site = await facts.containers.find(filed.tenant_id, SITE, lock=True)
    await facts.lives.lock([filed.id])
    if site is not None:
        await facts.claims.drop(site.id, [filed.id])
    if not await facts.lives.delete_unheld([filed.id], now):
        await facts.attachments.unfile(filed.id, now)
