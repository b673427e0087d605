"""Claims: a container takes attachments, all of those it wants or none."""

from __future__ import annotations

from collections.abc import Sequence

from coatcheck.domain.attachment import Attachment
from coatcheck.domain.claim import ByDigest, Claim, Reference, Wanted
from coatcheck.domain.container import Container
from coatcheck.domain.errors import AlreadyClaimed, NotFound
from coatcheck.domain.lifecycle import State
from coatcheck.domain.principal import Principal
from coatcheck.services.ports import Facts
from coatcheck.services.resolving import resolve


async def claim(
    facts: Facts,
    caller: Principal,
    container: Container,
    wanted: Sequence[Wanted],
    now: int,
    *,
    exclusive: bool,
) -> list[Claim]:
    """The container's claims on exactly these, in their order; what it holds already it goes on holding.

    To be called inside the transaction that makes or changes the container, which an error undoes whole.
    Raises NotFound (unknown, foreign, expired), AlreadyClaimed (exclusive only).
    """
    held = {each.attachment.id for each in await facts.claims.held_by(container.id)}
    resolved: dict[int, tuple[Attachment, Wanted]] = {}
    for each in wanted:
        found = await _obtainable(facts, caller, container, each.reference, now)
        if found is None:
            raise NotFound(reference=each.reference)
        resolved.setdefault(found.id, (found, each))
    new = [id for id in resolved if id not in held]
    if new and await facts.lives.claim(new, now, exclusive=exclusive) != len(new):
        raise AlreadyClaimed() if exclusive else NotFound()
    await facts.claims.add(container.id, [(id, resolved[id][1]) for id in new], now)
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
