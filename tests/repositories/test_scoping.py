"""No statement touches attachments without saying whose, or which one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from coatcheck.domain.claim import ById, ByPublicId, ByToken, Wanted
from coatcheck.domain.container import ContainerRef
from coatcheck.domain.digest import SHA3_256
from coatcheck.domain.lifecycle import State
from coatcheck.domain.names import parse_token
from coatcheck.domain.pages import Window
from coatcheck.domain.principal import Principal
from coatcheck.services.commands import ClaimAttachments, ReleaseAttachments
from tests import deeds
from tests.core import Core

#: A predicate on one of these says whose, or names what nobody can guess or what was found before.
SCOPES = ("tenant_id", "owner_id", "id", "public_id", "capability", "folder_id")


@contextmanager
def statements(place: Core) -> Iterator[list[str]]:
    """Every statement that reads or changes attachments."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        flat = re.sub(r"\s+", " ", statement)
        if re.search(r"(FROM|UPDATE|JOIN) attachments\b", flat):
            seen.append(flat)

    event.listen(place.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(place.engine.sync_engine, "before_cursor_execute", note)


def unscoped(statement: str) -> bool:
    _, _, where = statement.partition(" WHERE ")
    named = "|".join(SCOPES)
    held = r"claims\.container_id (=|IN)|= attachments\.id\b"
    return not re.search(rf"attachments\.({named}) (=|IN)|{held}", where)


async def everything_a_client_does(place: Core, ann: Principal, bob: Principal) -> None:
    services = place.services
    made = [
        await deeds.deposit(place, ann, deeds.content(size, size), digests=frozenset({SHA3_256}))
        for size in (10, 20, 2000, 2001)
    ]
    await deeds.deposit(place, ann, b"x" * 9, digests=frozenset({SHA3_256}), supersede=True)
    filed = await deeds.file_away(place, ann, b"x", "a/b.txt")
    for start in (0, 10):
        await deeds.receive(
            place, deeds.a_part(ann, deeds.content(20)[start : start + 10], total=20, start=start)
        )
    held = await deeds.post(place, ann, made[0], deeds.by_sha3(deeds.content(20, 20)))
    await services.containers.amend(deeds.amendment(ann, held.ref, made[2], exactly=True))
    await services.containers.holders(ann, made)
    issue = ContainerRef("issue", "1")
    await services.claims.claim(
        ClaimAttachments(
            caller=ann, ref=issue, wanted=(Wanted(reference=ById(made[3].id)),), exclusive=True
        )
    )
    await services.claims.release(ReleaseAttachments(caller=ann, ref=issue))
    for reference in (ById(made[3].id), ByPublicId(made[3].public_id), ByToken("a/b.txt")):
        await deeds.bytes_of(place, ann, reference)
    assert filed.capability
    await services.downloads.open_by_capability(filed.capability)
    await services.listing.detached(ann, Window(limit=2), digest="md5")
    await services.listing.filed(bob, 1, 10)
    await services.listing.holdings(ann)
    assert filed.folder_id
    await services.folders.view(bob, filed.folder_id)
    await services.tree.refile(ann, ById(filed.id), parse_token("c/d.txt"))
    await services.tree.withdraw(ann, ById(filed.id))
    await services.containers.delete(deeds.removal(ann, held.ref))
    await services.deleting.delete(ann, ById(made[3].id), [State.DETACHED])


async def test_whatever_a_client_does_is_scoped(place: Core, ann: Principal):
    bob = await deeds.principal(place, login="bob")
    with statements(place) as seen:
        await everything_a_client_does(place, ann, bob)
    assert len(seen) > 50
    assert [each for each in seen if unscoped(each)] == []


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT 1 FROM attachments", True),
        ("SELECT attachments.id FROM attachments WHERE attachments.token = ?", True),
        ("SELECT attachments.tenant_id FROM attachments WHERE attachments.state = ?", True),
        ("SELECT 1 FROM attachments WHERE attachments.id > ?", True),
        ("SELECT 1 FROM attachments WHERE attachments.tenant_id = ? AND 1", False),
        ("UPDATE attachments SET name=? WHERE attachments.id IN (?)", False),
    ],
)
def test_the_check_itself_tells_one_from_the_other(statement: str, expected: bool):
    assert unscoped(statement) is expected


async def test_only_a_sweep_looks_at_everybodys_attachments_and_shows_them_to_nobody(
    place: Core, ann: Principal
):
    await deeds.deposit(place, ann, b"x", lifetime=1000)
    place.clock.advance(100)
    with statements(place) as seen:
        await place.services.reaping.sweep()
    loose = [each for each in seen if unscoped(each)]
    assert loose
    assert all(re.match(r"UPDATE|DELETE|SELECT .*LIMIT", each) for each in loose)
