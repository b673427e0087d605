"""Claims: a container takes attachments, all of those it wants or none."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from coatcheck.domain.attachment import Attachment
from coatcheck.domain.claim import (
    ByDigest,
    Claim,
    Reference,
    Wanted,
)
from coatcheck.domain.container import Container, ContainerRef
from coatcheck.domain.errors import (
    AlreadyClaimed,
    CoatcheckError,
    Contended,
    DigestMismatch,
    NotFound,
)
from coatcheck.domain.lifecycle import State
from coatcheck.domain.principal import Principal
from coatcheck.faultpoints import reach
from coatcheck.services.claiming import claiming, tell_released
from coatcheck.services.commands import ClaimAttachments, Limits, ReleaseAttachments
from coatcheck.services.contention import persistently
from coatcheck.services.digests import Digests
from coatcheck.services.filing import living
from coatcheck.services.ports import Clock, Facts, Transactions, Witness
from coatcheck.services.purging import Purging
from coatcheck.services.replaying import Replaying
from coatcheck.services.resolving import among, resolve
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
        witness: Witness,
    ) -> None:
        self._transactions = transactions
        self._clock = clock
        self._limits = limits
        self._digests = digests
        self._purging = purging
        self._replaying = replaying
        self._witness = witness

    async def claim(self, command: ClaimAttachments) -> list[Claim]:
        """All of what the container holds afterwards. With `exactly`, what it held besides is released.

        Raises NotFound or AlreadyClaimed with `refusals`: a list of (reference, reason), and nothing is changed then.
        """
        await self._take_digests(command)
        freed: list[int] = []

        async def work(facts: Facts, now: int) -> list[int]:
            freed.clear()
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
                held_first=True,
            )
            ids = taken[:] = [each.attachment.id for each in kept]
            if command.exactly:
                freed.extend(
                    await let_go(
                        facts,
                        container,
                        now,
                        keep=ids,
                        limits=self._limits,
                        delete=command.delete_others,
                    )
                )
                await facts.claims.arrange(container.id, ids)
            if command.request is None:
                return []  # nobody will ask for it again
            return [each.attachment.id for each in await facts.claims.held_by(container.id)]

        with claiming(self._witness, command.caller, command.ref, command.wanted) as taken:
            await to_the_end(
                self._replaying.once(
                    command.caller,
                    command.request,
                    work,
                    remember=lambda ids: {"held": ids},
                    recall=lambda answer: list(answer["held"]),
                )
            )
        await reach("C3")
        await self._purging.purge_now(freed)
        return await self.held(command.caller, command.ref)

    async def held(self, caller: Principal, ref: ContainerRef) -> list[Claim]:
        """What the container holds, in its order. Raises NotFound where it never held anything."""
        async with self._transactions.read() as facts:
            container = await living(facts, caller.tenant_id, ref)
            return await facts.claims.held_by(container.id)

    async def release(self, command: ReleaseAttachments) -> None:
        """All of what the container holds, or those named. Raises NotFound; nothing is changed then."""
        await self._digests.make_findable(command.caller, *(command.references or ()))
        freed: list[int] = []

        async def work() -> None:
            freed.clear()
            async with self._transactions.write() as facts:
                now = self._clock.now()
                container = await living(facts, command.caller.tenant_id, command.ref, lock=True)
                keep: set[int] = set()
                if command.references is not None:
                    held = [each.attachment for each in await facts.claims.held_by(container.id)]
                    keep = {each.id for each in held} - _named(held, command.references)
                freed.extend(
                    await let_go(
                        facts,
                        container,
                        now,
                        keep=keep,
                        limits=self._limits,
                        delete=command.delete,
                    )
                )

        await to_the_end(persistently(work))
        tell_released(self._witness, command.caller, command.ref, freed)
        await self._purging.purge_now(freed)

    async def _take_digests(self, command: ClaimAttachments) -> None:
        """Those that attachments are named by, and those that they are held to."""
        await self._digests.make_findable(
            command.caller, *(each.reference for each in command.wanted)
        )
        for each in command.wanted:
            if each.digest is not None:
                async with self._transactions.read() as facts:
                    found = await resolve(facts, command.caller, each.reference, self._clock.now())
                if found:
                    await self._digests.of(found, each.digest.algorithm)


async def claim(
    facts: Facts,
    caller: Principal,
    container: Container,
    wanted: Sequence[Wanted],
    now: int,
    *,
    exclusive: bool,
    expires_at: int | None = None,
    held_first: bool = False,
) -> list[Claim]:
    """The container's claims on exactly these, in their order; what it holds already it goes on holding.

    To be called inside the transaction that makes or changes the container, which an error undoes whole.
    `exclusive`: no other container may hold one, a tenant's tree excepted. `held_first`: a digest means what the
    container holds already, if anything, so that the same claim again is the same. Raises NotFound (unknown, foreign,
    expired), AlreadyClaimed and DigestMismatch, with a refusal for every one that is not to be had.
    """
    await reach("C0")
    holds = [each.attachment for each in await facts.claims.held_by(container.id)]
    held = {each.id for each in holds}
    resolved: dict[int, tuple[Attachment, Wanted]] = {}
    refused: dict[Reference, str] = {}
    for each in wanted:
        found = among(holds, each.reference) if held_first else None
        found = found or await _obtainable(facts, caller, container, each.reference, now)
        if found is None:
            refused[each.reference] = await facts.attachments.why_not(caller, each.reference, now)
        elif each.digest and found.digests.get(each.digest.algorithm) != each.digest.hex:
            refused[each.reference] = "digest_mismatch"
        else:
            resolved.setdefault(found.id, (found, each))
    new = [id for id in resolved if id not in held]
    if held:
        await facts.lives.lock(resolved)
    won = await facts.lives.claim(new, now, exclusive=exclusive) if new else set()
    for id in (id for id in new if id not in won):
        # Another took it, or it was deleted while we waited for its row.
        lost = resolved[id][1].reference
        there = await resolve(facts, caller, lost, now)
        if there and there.id != id:
            raise Contended(retry_after=1)  # the same content, uploaded again, has taken its place
        taken = there and exclusive
        refused[lost] = "claimed" if taken else await facts.attachments.why_not(caller, lost, now)
    if refused:
        names = dict.fromkeys(each.reference for each in wanted)
        raise _refusal([(name, refused[name]) for name in names if name in refused])
    await facts.claims.add(container.id, [(id, resolved[id][1]) for id in new], now, expires_at)
    again = [(id, want) for id, (_, want) in resolved.items() if id in held]
    if await facts.claims.renew(container.id, again, expires_at) < len(again):
        raise Contended(retry_after=1)  # a claim lapsed since we looked
    await reach("C2")
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
    limits: Limits,
    delete: bool,
) -> list[int]:
    """Give up what the container holds, but for `keep`. What nothing else holds is deleted, or detached again with a
    fresh window; the ids of what was deleted.
    """
    dropped = [
        each.attachment.id
        for each in await facts.claims.held_by(container.id)
        if each.attachment.id not in keep
    ]
    await facts.lives.lock(dropped)
    await facts.claims.drop(container.id, dropped)
    if delete:
        return await facts.lives.delete_unheld(dropped, now)
    await facts.lives.release(dropped, now, now + limits.detached, limits.lasting)
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
        caller, container.ref.kind, digest.algorithm, digest.hex
    )


def _refusal(refusals: list[tuple[Reference, str]]) -> CoatcheckError:
    reasons = {reason for _, reason in refusals}
    if reasons == {"digest_mismatch"}:
        return DigestMismatch(refusals=refusals)
    if reasons <= {"digest_mismatch", "claimed"}:
        return AlreadyClaimed(refusals=refusals)
    return NotFound(refusals=refusals)


def _named(held: Sequence[Attachment], references: Sequence[Reference]) -> set[int]:
    """The ids of those that are meant. Raises NotFound where one of the names means none of them."""
    found = {reference: among(held, reference) for reference in references}
    if missing := [(reference, "not_found") for reference, each in found.items() if each is None]:
        raise NotFound(refusals=missing)
    return {each.id for each in found.values() if each}
