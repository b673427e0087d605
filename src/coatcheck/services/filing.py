"""Putting attachments into a tenant's tree: folders are found or made, a taken name gets a counter."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from coatcheck.domain.claim import ById, Wanted
from coatcheck.domain.container import Container, ContainerRef
from coatcheck.domain.errors import NotFound
from coatcheck.domain.folder import Filing
from coatcheck.domain.names import numbered
from coatcheck.domain.principal import Principal
from coatcheck.services.ports import Facts

#: What holds everything in a tenant's tree.
SITE = ContainerRef("site", "site")


async def find_or_make_folders(
    facts: Facts, tenant_id: int, names: Sequence[str], now: int
) -> int | None:
    """The innermost of the folders, made with all above it where they are missing; None is the root."""
    parent: int | None = None
    for name in names:
        found = await facts.folders.sibling(tenant_id, parent, name)
        parent = (
            found if found is not None else await facts.folders.add(tenant_id, parent, name, now)
        )
    return parent


async def free_place(
    facts: Facts, tenant_id: int, filing: Filing, also_taken: Collection[str] = ()
) -> Filing:
    """The filing itself, or with the first counter that makes its token free: image-1.png, image-2.png, …."""
    first, count = 0, 8
    while True:
        numbers = range(first, first + count)
        candidates = [
            filing if number == 0 else replace(filing, base=numbered(filing.base, number))
            for number in numbers
        ]
        taken = await facts.attachments.taken_tokens(tenant_id, [each.token for each in candidates])
        for each in candidates:
            if each.token not in taken and each.token not in also_taken:
                return each
        first, count = first + count, min(count * 4, 500)


async def hold(
    facts: Facts,
    ref: ContainerRef,
    *,
    tenant_id: int,
    owner_id: int,
    attachment_ids: Sequence[int],
    now: int,
) -> None:
    """The container claims these, which have been recorded as claimed. The site is made when it is new.

    Raises NotFound where any other container does not exist (any more).
    """
    if ref == SITE:
        container = await facts.containers.ensure(
            tenant_id=tenant_id, owner_id=owner_id, ref=ref, now=now
        )
    else:
        container = await living(facts, tenant_id, ref)
    await facts.claims.add(
        container.id, [(id, Wanted(reference=ById(id))) for id in attachment_ids], now
    )


async def living(
    facts: Facts, tenant_id: int, ref: ContainerRef, *, lock: bool = False
) -> Container:
    """The container of that name, `lock`ed to change what it holds. Raises NotFound where there is none (any more)."""
    found = await facts.containers.find(tenant_id, ref, lock=lock)
    if found is None or found.deleted_at is not None:
        raise NotFound
    return found


async def changeable(facts: Facts, caller: Principal, ref: ContainerRef, *, own: bool) -> Container:
    """What the caller may change, locked. Another's looks as if there were none."""
    container = await living(facts, caller.tenant_id, ref, lock=True)
    if own and container.owner_id != caller.id:
        raise NotFound
    return container
