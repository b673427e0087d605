"""Making a container: under names that are free, with what it claims, or not at all."""

from __future__ import annotations

from coatcheck.domain.container import Container, ContainerRef, Series
from coatcheck.domain.errors import NameTaken
from coatcheck.services.claims import claim
from coatcheck.services.commands import CreateContainer
from coatcheck.services.filing import living
from coatcheck.services.ports import Facts


async def make(facts: Facts, command: CreateContainer, now: int) -> tuple[Container, list[int]]:
    """It, and the ids of what it claimed. Inside a transaction, which an error undoes whole.

    Raises NotFound, AlreadyClaimed, NameTaken.
    """
    container = await _add(facts, command, now)
    claims = await claim(
        facts, command.caller, container, command.wanted, now, exclusive=command.exclusive
    )
    filled = await facts.containers.fill(container, command.compose(container, claims, now))
    return filled, [each.attachment.id for each in claims]


async def _add(facts: Facts, command: CreateContainer, now: int) -> Container:
    tenant_id = command.caller.tenant_id
    parent = await _parent(facts, command, now)
    taken = command.alias is not None and await facts.containers.find_by_alias(
        tenant_id, command.ref.kind, command.alias
    )
    if taken:
        raise NameTaken(field="alias")
    ref = command.ref
    if isinstance(ref, Series):
        ref = await _next_of(facts, tenant_id, ref)
    added = await facts.containers.add(
        tenant_id=tenant_id,
        owner_id=command.caller.id,
        ref=ref,
        now=now,
        alias=command.alias,
        parent_id=parent.id if parent else None,
    )
    if added is None:  # by another process, since we looked
        raise NameTaken(field="alias")
    return added


async def _parent(facts: Facts, command: CreateContainer, now: int) -> Container | None:
    caller, ref = command.caller, command.parent
    if ref is None:
        return None
    if command.with_parent:
        await facts.containers.ensure(
            tenant_id=caller.tenant_id, owner_id=caller.id, ref=ref, now=now
        )
    return await living(facts, caller.tenant_id, ref)


async def _next_of(facts: Facts, tenant_id: int, series: Series) -> ContainerRef:
    """A name that somebody has claimed for already, for a container kept elsewhere, is left out."""
    while True:
        ref = series.ref(await facts.containers.next_number(tenant_id, series.name))
        if await facts.containers.find(tenant_id, ref) is None:
            return ref
