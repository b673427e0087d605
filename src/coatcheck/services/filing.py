"""Putting attachments into a tenant's tree: folders are found or made, a taken name gets a counter."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace

from coatcheck.domain.claim import ById, Wanted
from coatcheck.domain.container import ContainerRef
from coatcheck.domain.folder import Filing
from coatcheck.domain.names import numbered
from coatcheck.services.ports import Facts

#: What holds everything in a tenant's tree.
SITE = "site"


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
    facts: Facts, tenant_id: int, filing: Filing, also_taken: Container[str] = ()
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


async def hold_by_site(
    facts: Facts, *, tenant_id: int, owner_id: int, attachment_ids: Sequence[int], now: int
) -> None:
    """The site claims these, which have been recorded as claimed."""
    site = await facts.containers.ensure(
        tenant_id=tenant_id, owner_id=owner_id, ref=ContainerRef(SITE, SITE), now=now
    )
    await facts.claims.add(
        site.id, [(id, Wanted(reference=ById(id))) for id in attachment_ids], now
    )
