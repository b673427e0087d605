"""Claims: a container takes attachments, all of those it wants or none."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from coatcheck.domain.attachment import Attachment
from coatcheck.domain.claim import ByDigest, ById, Claim, Reference, Wanted
from coatcheck.domain.container import Container, ContainerRef
from coatcheck.domain.errors import AlreadyClaimed, NotFound
from coatcheck.domain.lifecycle import State
from coatcheck.domain.principal import Principal
from coatcheck.services.commands import ClaimAttachments, Limits, ReleaseAttachments
from coatcheck.services.digests import Digests
from coatcheck.services.filing import living
from coatcheck.services.ports import Clock, Facts, Transactions
from coatcheck.services.purging import Purging
from coatcheck.services.replaying import Replaying
from coatcheck.services.resolving import resolve
from coatcheck.services.shielding import to_the_end


class Claims:
    """For containers whose substance is kept elsewhere: a host application's own posts, issues, drafts."""

    def __init__(
        self,
        transactions: Transactions,
        clock: Clock,
        limits: Limits,
        digests: Digests,
        purging: Purging,
        replaying: Replaying,
    ) -> None:
        self._transactions = transactions
        self._clock = clock
        self._limits = limits
        self._digests = digests
        self._purging = purging
        self._replaying = replaying

    async def claim(self, command: ClaimAttachments) -> list[Claim]:
        """All of what the container holds afterwards. With `exactly`, what it held besides is released.

        Raises NotFound or AlreadyClaimed with `refusals`: a list of (reference, reason), and nothing is changed then.
        """
        await self._digests.make_findable(
            command.caller, *(each.reference for each in command.wanted)
        )
        freed: list[int] = []

        async def work(facts: Facts, now: int) -> list[int]:
            caller = command.caller
            container = await facts.containers.ensure(
                tenant_id=caller.tenant_id, owner_id=caller.id, ref=command.ref, now=now
            )
            if container.deleted_at is not None:
                raise NotFound
            expires_at = None if command.lease is None else now + command.lease
            kept = await claim(
                facts,
                caller,
                container,
                command.wanted,
                now,
                exclusive=command.exclusive,
                expires_at=expires_at,
            )
            if command.exactly:
                freed.extend(
                    await let_go(
                        facts,
                        container,
                        now,
                        keep={each.attachment.id for each in kept},
                        lifetime=self._limits.detached,
                        delete=command.delete_others,
                    )
                )
            return [each.attachment.id for each in await facts.claims.held_by(container.id)]

        await to_the_end(
            self._replaying.once(
                command.caller,
                command.request,
                work,
                remember=lambda ids: {"held": ids},
                recall=lambda answer: list(answer["held"]),
            )
        )
        await self._purging.purge_now(freed)
        return await self.held(command.caller, command.ref)

    async def held(self, caller: Principal, ref: ContainerRef) -> list[Claim]:
        """What the container holds, in its order. Raises NotFound where it never held anything."""
        async with self._transactions.read() as facts:
            container = await living(facts, caller.tenant_id, ref)
            return await facts.claims.held_by(container.id)

    async def release(self, command: ReleaseAttachments) -> None:
        """All of what the container holds, or those named. Raises NotFound; nothing is changed then."""
        freed: list[int] = []

        async def work() -> None:
            async with self._transactions.write() as facts:
                now = self._clock.now()
                container = await living(facts, command.caller.tenant_id, command.ref)
                held = {each.attachment.id for each in await facts.claims.held_by(container.id)}
                keep: set[int] = set()
                if command.references is not None:
                    named = set()
                    for reference in command.references:
                        found = await resolve(facts, command.caller, reference, now)
                        if found is None or found.id not in held:
                            raise NotFound(refusals=[(reference, "not_found")])
                        named.add(found.id)
                    keep = held - named
                freed.extend(
                    await let_go(
                        facts,
                        container,
                        now,
                        keep=keep,
                        lifetime=self._limits.detached,
                        delete=command.delete,
                    )
                )

        await to_the_end(work())
        await self._purging.purge_now(freed)


async def claim(
    facts: Facts,
    caller: Principal,
    container: Container,
    wanted: Sequence[Wanted],
    now: int,
    *,
    exclusive: bool,
    expires_at: int | None = None,
) -> list[Claim]:
    """The container's claims on exactly these, in their order; what it holds already it goes on holding.

    To be called inside the transaction that makes or changes the container, which an error undoes whole.
    `exclusive`: no other container may hold one, a tenant's tree excepted. Raises NotFound (unknown, foreign, expired)
    and AlreadyClaimed, both with `refusals`.
    """
    held = {each.attachment.id for each in await facts.claims.held_by(container.id)}
    resolved: dict[int, tuple[Attachment, Wanted]] = {}
    refusals: list[tuple[Reference, str]] = []
    for each in wanted:
        found = await _obtainable(facts, caller, container, each.reference, now)
        if found is None:
            refusals.append((each.reference, await _why_not(facts, caller, each.reference, now)))
        else:
            resolved.setdefault(found.id, (found, each))
    if refusals:
        raise NotFound(refusals=refusals)
    new = [id for id in resolved if id not in held]
    if new:
        won = await facts.lives.claim(new, now, exclusive=exclusive)
        lost = [(resolved[id][1].reference, "claimed") for id in new if id not in won]
        if lost:
            raise AlreadyClaimed(refusals=lost) if exclusive else NotFound(refusals=lost)
    await facts.claims.add(container.id, [(id, resolved[id][1]) for id in new], now, expires_at)
    await facts.claims.renew(container.id, [id for id in resolved if id in held], expires_at)
    return [
        Claim(
            attachment=attachment,
            position=position,
            name=want.name,
            media_type=want.media_type,
            category=want.category,
        )
        for position, (attachment, want) in enumerate(resolved.values())
    ]


async def let_go(
    facts: Facts,
    container: Container,
    now: int,
    *,
    keep: Collection[int] = (),
    lifetime: int | None,
    delete: bool,
) -> list[int]:
    """Give up what the container holds, but for `keep`. What nothing else holds is deleted, or detached again with a
    fresh window of `lifetime` ms; the ids of what was deleted.
    """
    dropped = [
        each.attachment.id
        for each in await facts.claims.held_by(container.id)
        if each.attachment.id not in keep
    ]
    await facts.claims.drop(container.id, dropped)
    if delete:
        return await facts.lives.delete_unheld(dropped, now)
    await facts.lives.release(dropped, now, None if lifetime is None else now + lifetime)
    return []


async def _obtainable(
    facts: Facts, caller: Principal, container: Container, reference: Reference, now: int
) -> Attachment | None:
    """What the caller may attach under that name: by digest its own detached one, or what its collection holds."""
    found = await resolve(facts, caller, reference, now)
    if not isinstance(reference, ByDigest) or (found and found.state is State.DETACHED):
        return found
    digest = reference.digest
    return await facts.claims.in_collection(
        caller.id, container.ref.kind, digest.algorithm, digest.hex
    )


async def _why_not(facts: Facts, caller: Principal, reference: Reference, now: int) -> str:
    """More than «not found» is told of the caller's own attachments only."""
    if isinstance(reference, ById):
        return await facts.attachments.why_not(caller, reference.id, now)
    return "not_found"
