"""What is asked for on every request is found by an index, however much there is."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event

from coatcheck.domain.claim import ByDigest, ById, ByPublicId, ByToken, Wanted
from coatcheck.domain.container import ContainerRef, Sieve
from coatcheck.domain.digest import SHA3_256, SHA256, Digest
from coatcheck.domain.errors import NotFound
from coatcheck.domain.lifecycle import State
from coatcheck.domain.pages import Mark, Window
from coatcheck.domain.principal import Principal
from coatcheck.domain.selection import Selection
from coatcheck.services.commands import ClaimAttachments
from tests import deeds
from tests.core import Core

# PostgreSQL decides by how much there is, and with the few rows of a test it is right to walk through them.
pytestmark = pytest.mark.sqlite


@contextmanager
def asked(place: Core) -> Iterator[dict[str, Any]]:
    """Every statement with the parameters it first came with."""
    seen: dict[str, Any] = {}

    def note(_c: Any, _k: Any, statement: str, parameters: Any, _x: Any, many: bool) -> None:
        if not many and re.match(r"\(*SELECT|UPDATE|DELETE", statement):
            seen.setdefault(statement, parameters)

    event.listen(place.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(place.engine.sync_engine, "before_cursor_execute", note)


async def test_no_request_walks_through_a_whole_table(place: Core, ann: Principal):
    with asked(place) as seen:
        await use(place, ann)
    assert await walks(place, seen) == []


async def use(place: Core, ann: Principal) -> None:
    """What is asked for on every request, but lists."""
    made = await deeds.deposit(
        place, ann, b"x" * 2000, digests=frozenset({SHA3_256}), supersede=True
    )
    await deeds.file_away(place, ann, b"x", "a/b/c.txt")
    for start in (0, 1):
        await deeds.receive(place, deeds.a_part(ann, b"x", total=2, start=start))
    for reference in (ById(made.id), ByPublicId(made.public_id), deeds.by_sha3(b"x" * 2000)):
        await place.services.downloads.open(ann, reference)
    await place.services.downloads.open(ann, ByToken("a/b/c.txt"))
    await place.services.listing.detached(ann, Window(limit=2))
    held = await deeds.post(place, ann, made, exclusive=True, request=deeds.request_id())
    await place.services.containers.delete(deeds.removal(ann, held.ref))
    await place.services.keys.authenticate(await place.key(ann.tenant, ann.login))
    gone = await deeds.deposit(place, ann, b"y")
    await place.services.deleting.delete(ann, ById(gone.id), [State.DETACHED])


async def walks(place: Core, seen: dict[str, Any], *, sorted_: bool = True) -> list[str]:
    """The steps that look at a whole table, with their statements; also those that sort, unless they may."""
    found = []
    async with place.engine.begin() as connection:
        for statement, parameters in seen.items():
            plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            found += [
                f"{row.detail}: {statement}"
                for row in plan
                if (row.detail.startswith("SCAN ") and row.detail != "SCAN CONSTANT ROW")
                or (row.detail.startswith("USE TEMP B-TREE") and not sorted_)
                or _GROWS.search(row.detail)
            ]
    return found


# Found by an index, and as many as there are: all of a tenant's, or all in one state.
_GROWS = re.compile(
    r"SEARCH (?!folders)\w+ USING [A-Z ]+ (?!ix_attachments_(claimed|filed))\w+"
    r" \((tenant_id|owner_id|state)=\?\)$"
)


LISTS: dict[str, Callable[[Core, Principal, Window], Awaitable[Any]]] = {
    "campr": lambda place, ann, window: place.services.listing.detached(
        ann, window, digest=SHA3_256
    ),
    "posts": lambda place, ann, window: place.services.containers.counted_page(
        ann, "post", window, Sieve()
    ),
    "messages": lambda place, ann, window: place.services.containers.page(
        ann, "message", window, Sieve(parent=ContainerRef("conversation", "1"))
    ),
} | {
    f"native {name}": lambda place, ann, window, selection=selection: (
        place.services.listing.visible(ann, selection, window)
    )
    for name, selection in {
        "all": Selection(),
        "detached": Selection(state=State.DETACHED),
        "claimed": Selection(state=State.CLAIMED),
        "of one owner": Selection(owner="bob"),
        "claimed of one owner": Selection(owner="bob", state=State.CLAIMED),
        "by token": Selection(token="a/b"),
        "in the tree": Selection(container=ContainerRef("site", "site")),
    }.items()
}
WINDOWS = {
    "first": Window(limit=2),
    "next": Window(limit=2, after=Mark(10**12, 7)),
    "previous": Window(limit=2, before=Mark(10**12, 7)),
    "last": Window(limit=2, tail=True),
}


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("name", LISTS)
async def test_a_page_is_read_in_the_order_of_an_index_and_no_further(
    name: str, window: str, place: Core, ann: Principal
):
    await deeds.deposit(place, ann, b"x")
    await deeds.post(place, ann, await deeds.deposit(place, ann, b"y"))
    with asked(place) as seen:
        await LISTS[name](place, ann, WINDOWS[window])
    assert await walks(place, seen, sorted_=False) == []


@pytest.mark.parametrize("state", [None, State.CLAIMED])
@pytest.mark.parametrize("owner", [None, "ann"])
@pytest.mark.parametrize("where", ["container", "within"])
async def test_what_containers_hold_is_found_by_their_claims(
    where: str, owner: str | None, state: State | None, place: Core, ann: Principal
):
    ref = ContainerRef("conversation", "1")
    held: dict[str, Any] = {where: ref}
    selection = Selection(owner=owner, state=state, **held)
    with asked(place) as seen:
        await place.services.listing.visible(ann, selection, Window(limit=2))
    assert await walks(place, seen) == []
    (query,) = (each for each in seen if " LIMIT " in each)
    async with place.engine.begin() as connection:
        plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", seen[query])
        steps = [row.detail for row in plan if "attachments" in row.detail]
    assert any("PRIMARY KEY" in step for step in steps)
    assert all("PRIMARY KEY" in step or "ix_attachments_grouping" in step for step in steps)


async def test_the_tree_is_paged_and_counted_by_its_index(place: Core, ann: Principal):
    await deeds.file_away(place, ann, b"x", "a/b/c.txt")
    with asked(place) as seen:
        page = await place.services.listing.filed(ann, 2, 1)
        folders = await place.services.folders.all(ann)
        await place.services.folders.page(ann, 1, 20)
        await place.services.folders.view(ann, folders[-1].id)
    assert page.total == 1
    sorts = await walks(place, seen, sorted_=False)
    # What is sorted is one page, and folders by name.
    others = [
        each
        for each in sorts
        if "FROM folder" not in each and "IN (SELECT attachments.id" not in each
    ]
    assert others == []
    async with place.engine.begin() as connection:
        steps = [
            row.detail
            for statement in seen
            for row in await connection.exec_driver_sql(
                f"EXPLAIN QUERY PLAN {statement}", seen[statement]
            )
        ]
    assert "SEARCH attachments USING COVERING INDEX ix_attachments_filed (tenant_id=?)" in steps
    assert "SEARCH attachments USING COVERING INDEX ix_attachments_folder (folder_id=?)" in steps


@pytest.mark.parametrize("many", [1, 60])
async def test_a_claim_looks_at_what_it_names_alone(many: int, place: Core, ann: Principal):
    left = [
        await deeds.deposit(place, ann, b"%d" % n, digests=frozenset({SHA256, SHA3_256}))
        for n in range(many)
    ]
    command = ClaimAttachments(
        caller=ann, ref=ContainerRef("ticket", "7"), wanted=(), exclusive=False
    )
    for names in (
        [ById(each.id) for each in left],
        [ByPublicId(each.public_id) for each in left],
        [ByDigest(Digest(SHA256, each.digests[SHA256])) for each in left],
        [ByDigest(Digest(SHA3_256, each.digests[SHA3_256])) for each in left],
    ):
        wanted = tuple(Wanted(reference=name) for name in names)
        with asked(place) as seen:
            await place.services.claims.claim(replace(command, wanted=wanted))
            await place.services.containers.holders(ann, left)
            await place.services.people.some(ann, range(many))
        assert await walks(place, seen) == []
    with asked(place) as seen, pytest.raises(NotFound):
        await place.services.claims.claim(
            replace(command, wanted=(Wanted(reference=ByToken("a/b")),))
        )
    assert await walks(place, seen) == []


async def test_the_last_claim_of_a_tree_is_found_by_its_index(place: Core):
    async with place.engine.begin() as connection:
        plan = await connection.exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT max(position) FROM claims WHERE container_id = 1"
        )
        assert "ix_claims_order" in plan.one().detail
