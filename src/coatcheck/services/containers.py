"""Containers that are kept here: documents with versions, which claim attachments as they are made and changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

from coatcheck.domain.attachment import Attachment
from coatcheck.domain.claim import Claim, Wanted
from coatcheck.domain.container import (
    Container,
    ContainerRef,
    ContainerVersion,
    Series,
    Sieve,
    Tally,
)
from coatcheck.domain.errors import NotFound, VersionMismatch
from coatcheck.domain.pages import CountedPage, Page, Window
from coatcheck.domain.principal import Principal
from coatcheck.services.claiming import claiming, tell_released
from coatcheck.services.claims import claim, let_go
from coatcheck.services.commands import (
    AmendContainer,
    CreateContainer,
    DeleteContainer,
    Limits,
    RequestId,
)
from coatcheck.services.digests import Digests
from coatcheck.services.filing import changeable, living
from coatcheck.services.making import make
from coatcheck.services.ports import Clock, Facts, Transactions, Witness
from coatcheck.services.purging import Purging
from coatcheck.services.replaying import Replaying
from coatcheck.services.shielding import to_the_end


class Containers:
    def __init__(
        self,
        transactions: Transactions,
        clock: Clock,
        limits: Limits,
        digests: Digests,
        purging: Purging,
        replaying: Replaying,
        witness: Witness,
    ) -> None:
        self._transactions = transactions
        self._clock = clock
        self._limits = limits
        self._digests = digests
        self._purging = purging
        self._replaying = replaying
        self._witness = witness

    async def create(self, command: CreateContainer) -> Container:
        """With its claims, or not at all. Raises NotFound, AlreadyClaimed, NameTaken, ReplayMismatch."""
        await self._findable(command.caller, command.wanted)

        async def work(facts: Facts, now: int) -> Container:
            made, taken[:] = await make(facts, command, now)
            return made

        with claiming(self._witness, command.caller, command.ref, command.wanted) as taken:
            return await self._once(command.caller, command.request, work)

    async def first(self, command: CreateContainer, series: Series) -> Container:
        """The first of a series: made as commanded while there is none, found from then on. Raises NotFound."""
        ref = series.ref(1)

        async def work(facts: Facts, now: int) -> Container:
            made, _ = await make(facts, replace(command, ref=series), now)
            if made.ref != ref:
                raise NotFound  # which takes the number back as well
            return made

        with suppress(NotFound):
            return await self.get(command.caller, ref)
        with suppress(NotFound):
            return await self._once(command.caller, None, work)
        return await self.get(command.caller, ref)

    async def amend(self, command: AmendContainer) -> Container:
        """A new version, with what it claims anew.

        Raises NotFound, AlreadyClaimed, VersionMismatch, ReplayMismatch.
        """
        await self._findable(command.caller, command.wanted or ())
        freed: list[int] = []

        async def work(facts: Facts, now: int) -> Container:
            freed.clear()
            container = await changeable(facts, command.caller, command.ref, own=command.own)
            if command.version not in (None, container.version):
                raise VersionMismatch(version=container.version)
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
                taken[:] = keep = [each.attachment.id for each in claims]
                if command.exactly:
                    delete = not command.keep_bytes
                    freed.extend(
                        await let_go(
                            facts, container, now, keep=keep, limits=self._limits, delete=delete
                        )
                    )
            body = command.compose(container, claims, now)
            amended = await facts.containers.amend(container, body, now)
            if amended is None:
                raise VersionMismatch
            return amended

        with claiming(self._witness, command.caller, command.ref, command.wanted or ()) as taken:
            amended = await self._once(command.caller, command.request, work)
        await self._purging.purge_now(freed)
        return amended

    async def delete(self, command: DeleteContainer) -> Container:
        """Its tombstone; what nothing else holds is deleted with it. Raises NotFound, ReplayMismatch."""
        freed: list[int] = []

        async def work(facts: Facts, now: int) -> Container:
            freed.clear()
            container = await changeable(facts, command.caller, command.ref, own=command.own)
            delete = not command.keep_bytes
            freed.extend(await let_go(facts, container, now, limits=self._limits, delete=delete))
            body = command.tombstone(container, now)
            deleted = await facts.containers.delete(container, body, now)
            if deleted is None:
                raise NotFound
            return deleted

        deleted = await self._once(command.caller, command.request, work)
        tell_released(self._witness, command.caller, command.ref, freed)
        await self._purging.purge_now(freed)
        return deleted

    async def make_known(self, caller: Principal, ref: ContainerRef) -> Container:
        """The one of that name, made if there is none yet."""
        async with self._transactions.read() as facts:
            found = await facts.containers.find(caller.tenant_id, ref)
        if found:
            return found
        return await to_the_end(self._ensure(caller, ref))

    async def _ensure(self, caller: Principal, ref: ContainerRef) -> Container:
        async with self._transactions.write() as facts:
            return await facts.containers.ensure(
                tenant_id=caller.tenant_id,
                owner_id=caller.id,
                ref=ref,
                now=self._clock.now(),
            )

    async def get(self, caller: Principal, ref: ContainerRef) -> Container:
        """Of the caller's tenant. Raises NotFound, also where it was deleted."""
        async with self._transactions.read() as facts:
            return await living(facts, caller.tenant_id, ref)

    async def get_version(
        self, caller: Principal, ref: ContainerRef, field: str, text: str
    ) -> Container:
        """As it was in the version whose body has that text in a field. Raises NotFound."""
        async with self._transactions.read() as facts:
            container = await living(facts, caller.tenant_id, ref)
            version = await facts.containers.version_with(container.id, field, text)
        if version is None:
            raise NotFound
        return replace(
            container, version=version.number, body=version.body, updated_at=version.created_at
        )

    async def versions(
        self, caller: Principal, ref: ContainerRef, window: Window
    ) -> CountedPage[ContainerVersion]:
        """Newest first; the id of a mark is the version's number. Raises NotFound."""
        async with self._transactions.read() as facts:
            container = await living(facts, caller.tenant_id, ref)
            return await facts.containers.versions(container.id, window)

    async def page(
        self, caller: Principal, kind: str, window: Window, sieve: Sieve | None = None
    ) -> Page[Container]:
        """Of the caller's tenant, newest first."""
        async with self._transactions.read() as facts:
            return await facts.containers.page(caller.tenant_id, kind, window, sieve or Sieve())

    async def counted_page(
        self, caller: Principal, kind: str, window: Window, sieve: Sieve
    ) -> CountedPage[Container]:
        """The same, with how many there are in all: what costs more than a page."""
        async with self._transactions.read() as facts:
            return await facts.containers.counted_page(caller.tenant_id, kind, window, sieve)

    async def find_by_alias(self, caller: Principal, kind: str, alias: str) -> Container:
        """Raises NotFound."""
        async with self._transactions.read() as facts:
            found = await facts.containers.find_by_alias(caller.tenant_id, kind, alias)
        if found is None or found.deleted_at is not None:
            raise NotFound
        return found

    async def find_by_row(self, caller: Principal, row_id: int, kind: str) -> Container:
        """By the id of its row, which some dialects show. Raises NotFound."""
        async with self._transactions.read() as facts:
            found = await facts.containers.find_by_row(caller.tenant_id, [row_id])
        if not found or found[0].ref.kind != kind or found[0].deleted_at is not None:
            raise NotFound
        return found[0]

    async def children(self, caller: Principal, ref: ContainerRef, kind: str) -> list[Container]:
        """Those of a kind that belong to it, oldest first. Raises NotFound."""
        async with self._transactions.read() as facts:
            container = await living(facts, caller.tenant_id, ref)
            return await facts.containers.children(container.id, kind)

    async def held_by(self, container: Container) -> list[Claim]:
        """What it holds, in its order."""
        async with self._transactions.read() as facts:
            return await facts.claims.held_by(container.id)

    async def held_by_each(self, containers: Sequence[Container]) -> dict[int, list[Claim]]:
        """The same of several, by their row ids; one that holds nothing is left out."""
        async with self._transactions.read() as facts:
            return await facts.claims.held_by_each(each.id for each in containers)

    async def held_within(
        self, caller: Principal, ref: ContainerRef, kind: str
    ) -> list[tuple[Container, Claim]]:
        """What it and its children of a kind hold, with the one that holds it. Raises NotFound."""
        return await self._held_within(caller, ref, kind)

    async def find_within(
        self, caller: Principal, ref: ContainerRef, kind: str, attachment_id: int
    ) -> tuple[Container, Claim]:
        """That one attachment, if it or one of its children of a kind holds it. Raises NotFound."""
        found = await self._held_within(caller, ref, kind, attachment_id)
        if not found:
            raise NotFound
        return found[0]

    async def _held_within(
        self, caller: Principal, ref: ContainerRef, kind: str, attachment_id: int | None = None
    ) -> list[tuple[Container, Claim]]:
        async with self._transactions.read() as facts:
            container = await living(facts, caller.tenant_id, ref)
            held = await facts.claims.held_within(container.id, kind, attachment_id)
            rows = {holder for holder, _ in held}
            found = await facts.containers.find_by_row(caller.tenant_id, rows)
        holders = {each.id: each for each in found}
        return [(holders[holder], claim) for holder, claim in held]

    async def holders(
        self, caller: Principal, attachments: Sequence[Attachment]
    ) -> dict[int, list[Container]]:
        """The containers that hold each of these attachments, by the attachment's id, oldest claim first."""
        async with self._transactions.read() as facts:
            held = await facts.claims.holders(each.id for each in attachments)
            rows = {row for holders in held.values() for row in holders}
            found = await facts.containers.find_by_row(caller.tenant_id, rows)
        known = {each.id: each for each in found}
        return {id: [known[row] for row in rows if row in known] for id, rows in held.items()}

    async def tally_by(self, caller: Principal, kind: str, field: str) -> dict[str, Tally]:
        """The caller's own, by a text field of their body."""
        async with self._transactions.read() as facts:
            return await facts.containers.tally_by(caller.tenant_id, caller.id, kind, field)

    async def _findable(self, caller: Principal, wanted: tuple[Wanted, ...]) -> None:
        await self._digests.make_findable(caller, *(each.reference for each in wanted))

    async def _once(
        self,
        caller: Principal,
        request: RequestId | None,
        work: Callable[[Facts, int], Awaitable[Container]],
    ) -> Container:
        return await to_the_end(
            self._replaying.once(caller, request, work, remember=asdict, recall=_revived)
        )


def _revived(answer: dict[str, Any]) -> Container:
    return Container(**(answer | {"ref": ContainerRef(**answer["ref"])}))
