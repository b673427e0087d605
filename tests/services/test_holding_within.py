"""What a container holds together with its children; names that are taken; series that leave them out."""

from __future__ import annotations

import asyncio

import pytest

from coatcheck.domain.claim import ById, Wanted
from coatcheck.domain.container import ContainerRef, Series
from coatcheck.domain.errors import NameTaken, NotFound
from coatcheck.domain.principal import Principal
from coatcheck.services.commands import ClaimAttachments, DeleteContainer
from tests import deeds
from tests.core import Core

ISSUE, COMMENT = ContainerRef("issue", "A-1"), ContainerRef("comment", "1")


async def test_children_count_by_kind_and_while_they_live(place: Core, ann: Principal) -> None:
    files = [await deeds.deposit(place, ann, b"x") for _ in range(4)]
    own, commented, noted, elsewhere = files
    issue = await deeds.post(place, ann, own, ref=ISSUE)
    comment = await deeds.post(place, ann, commented, ref=COMMENT, parent=ISSUE)
    await deeds.post(place, ann, noted, ref=ContainerRef("note", "1"), parent=ISSUE)
    await deeds.post(place, ann, elsewhere, ref=ContainerRef("issue", "A-2"))
    containers = place.services.containers

    held = await containers.held_within(ann, ISSUE, "comment")
    assert [(each.id, claim.attachment.id) for each, claim in held] == [
        (issue.id, own.id),
        (comment.id, commented.id),
    ]
    holder, claim = await containers.find_within(ann, ISSUE, "comment", commented.id)
    assert (holder, claim.attachment.id) == (comment, commented.id)
    for absent in (noted.id, elsewhere.id, 999):
        with pytest.raises(NotFound):
            await containers.find_within(ann, ISSUE, "comment", absent)

    await containers.delete(
        DeleteContainer(caller=ann, ref=COMMENT, tombstone=lambda _old, _now: {})
    )
    held = await containers.held_within(ann, ISSUE, "comment")
    assert [claim.attachment.id for _, claim in held] == [own.id]


async def test_another_tenant_sees_none_of_it(place: Core, ann: Principal, eve: Principal) -> None:
    file = await deeds.deposit(place, ann, b"x")
    await deeds.post(place, ann, file, ref=ISSUE)
    with pytest.raises(NotFound):
        await place.services.containers.held_within(eve, ISSUE, "comment")
    with pytest.raises(NotFound):
        await place.services.containers.find_within(eve, ISSUE, "comment", file.id)


async def test_a_series_leaves_out_what_somebody_claimed_for(place: Core, ann: Principal) -> None:
    file = await deeds.deposit(place, ann, b"x")
    await place.services.claims.claim(
        ClaimAttachments(
            caller=ann,
            ref=ContainerRef("issue", "A-2"),
            wanted=(Wanted(reference=ById(file.id)),),
            exclusive=True,
        )
    )
    made = [await deeds.post(place, ann, ref=Series("issue", "A", "A-{}")) for _ in range(2)]
    assert [each.ref.external_id for each in made] == ["A-1", "A-3"]


async def test_of_many_that_want_one_name_one_gets_it(place: Core, ann: Principal) -> None:
    async def make() -> bool:
        try:
            await deeds.post(place, ann, ref=Series("issue", "A", "A-{}"), alias="mine")
        except NameTaken:
            return False
        return True

    assert sum(await asyncio.gather(*(make() for _ in range(8)))) == 1


async def test_a_name_of_its_own_that_is_taken_is_refused(place: Core, ann: Principal) -> None:
    await deeds.post(place, ann, ref=ISSUE)
    with pytest.raises(NameTaken):
        await deeds.post(place, ann, ref=ISSUE)
