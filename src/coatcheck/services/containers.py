"""Containers that are kept here: documents with versions, which claim attachments as they are made and changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from coatcheck.domain.claim import Wanted
from coatcheck.domain.container import Container, ContainerRef, ContainerVersion
from coatcheck.domain.errors import Conflict, NotFound, ReplayMismatch
from coatcheck.domain.pages import Page, Window
from coatcheck.domain.principal import Principal
from coatcheck.services.claims import claim
from coatcheck.services.commands import (
    AmendContainer,
    CreateContainer,
    DeleteContainer,
    Limits,
    RequestId,
)
from coatcheck.services.digests import Digests
from coatcheck.services.filing import living
from coatcheck.services.ports import Clock, Facts, Transactions
from coatcheck.services.purging import Purging
from coatcheck.services.shielding import to_the_end


class Containers:
    def __init__(
        self,
        transactions: Transactions,
        clock: Clock,
        limits: Limits,
        digests: Digests,
        purging: Purging,
    ) -> None:
        self._transactions = transactions
        self._clock = clock
        self._limits = limits
        self._digests = digests
        self._purging = purging

    async def create(self, command: CreateContainer) -> Container:
        """With its claims, or not at all. Raises NotFound, AlreadyClaimed, ReplayMismatch."""
        await self._findable(command.caller, command.wanted)

        async def work(facts: Facts, now: int) -> Container:
            container = await facts.containers.add(
                tenant_id=command.caller.tenant_id,
                owner_id=command.caller.id,
                ref=command.ref,
                now=now,
            )
            claims = await claim(
                facts, command.caller, container, command.wanted, now, exclusive=command.exclusive
            )
            return await facts.containers.fill(container, command.compose(claims, now))

        return await to_the_end(self._once(command.caller, command.request, work))

    async def amend(self, command: AmendContainer) -> Container:
        """A new version, with what it claims anew. Raises NotFound, AlreadyClaimed, Conflict, ReplayMismatch."""
        await self._findable(command.caller, command.wanted or ())

        async def work(facts: Facts, now: int) -> Container:
            container = await _own(facts, command.caller, command.ref)
            claims = None
            if command.wanted is not None:
                claims = await claim(
                    facts,
                    command.caller,
                    container,
                    command.wanted,
                    now,
                    exclusive=command.exclusive,
                )
            amended = await facts.containers.amend(
                container, command.compose(container, claims, now), now
            )
            if amended is None:
                raise Conflict("It was changed at the same moment.")
            return amended

        return await to_the_end(self._once(command.caller, command.request, work))

    async def delete(self, command: DeleteContainer) -> Container:
        """Its tombstone; what nothing else holds is deleted with it. Raises NotFound, ReplayMismatch."""
        freed: list[int] = []

        async def work(facts: Facts, now: int) -> Container:
            container = await _own(facts, command.caller, command.ref)
            held = [each.attachment.id for each in await facts.claims.held_by(container.id)]
            await facts.claims.drop(container.id, held)
            freed.extend(await facts.lives.delete_unheld(held, now))
            deleted = await facts.containers.delete(
                container, command.tombstone(container, now), now
            )
            if deleted is None:
                raise NotFound
            return deleted

        deleted = await to_the_end(self._once(command.caller, command.request, work))
        await self._purging.purge_now(freed)
        return deleted

    async def get(self, caller: Principal, ref: ContainerRef) -> Container:
        """Of the caller's tenant. Raises NotFound, also where it was deleted."""
        async with self._transactions.read() as facts:
            return await living(facts, caller.tenant_id, ref)

    async def versions(self, caller: Principal, ref: ContainerRef) -> list[ContainerVersion]:
        """Newest first. Raises NotFound."""
        async with self._transactions.read() as facts:
            container = await living(facts, caller.tenant_id, ref)
            return await facts.containers.versions(container.id)

    async def page(self, caller: Principal, kind: str, window: Window) -> Page[Container]:
        """Of the caller's tenant, newest first."""
        async with self._transactions.read() as facts:
            return await facts.containers.page(caller.tenant_id, kind, window)

    async def count_by(self, caller: Principal, kind: str, field: str) -> dict[str, int]:
        """How many of its own the caller has, by a text field of their body."""
        async with self._transactions.read() as facts:
            return await facts.containers.count_by(caller.tenant_id, caller.id, kind, field)

    async def _findable(self, caller: Principal, wanted: tuple[Wanted, ...]) -> None:
        await self._digests.make_findable(caller, *(each.reference for each in wanted))

    async def _once(
        self,
        caller: Principal,
        request: RequestId | None,
        work: Callable[[Facts, int], Awaitable[Container]],
    ) -> Container:
        """The work and the memory of it in one transaction: a retry is told what was answered, and does nothing."""
        now = self._clock.now()
        async with self._transactions.write() as facts:
            if request:
                earlier = await facts.replays.find(caller.id, request.endpoint, request.id, now)
                if earlier:
                    if earlier.fingerprint != request.fingerprint:
                        raise ReplayMismatch
                    return _revived(earlier.answer)
            container = await work(facts, now)
            if request:
                await facts.replays.keep(
                    caller.id,
                    request.endpoint,
                    request.id,
                    fingerprint=request.fingerprint,
                    answer=asdict(container),
                    expires_at=now + self._limits.replay,
                )
            return container


def _revived(answer: dict[str, Any]) -> Container:
    return Container(**(answer | {"ref": ContainerRef(**answer["ref"])}))


async def _own(facts: Facts, caller: Principal, ref: ContainerRef) -> Container:
    """What the caller may change. Another's looks as if there were none."""
    container = await living(facts, caller.tenant_id, ref)
    if container.owner_id != caller.id:
        raise NotFound
    return container
