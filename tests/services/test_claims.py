"""Claims: all or nothing, one winner where it is exclusive, and never without the bytes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event

from coatcheck.domain.attachment import Attachment
from coatcheck.domain.claim import ByDigest, ById, ByPublicId, ByToken, Reference, Wanted
from coatcheck.domain.container import ContainerRef
from coatcheck.domain.digest import SHA3_256
from coatcheck.domain.errors import (
    AlreadyClaimed,
    NotFound,
    ReplayMismatch,
    VersionMismatch,
)
from coatcheck.domain.lifecycle import State
from coatcheck.domain.pages import Window
from coatcheck.domain.principal import Principal
from coatcheck.services.commands import ClaimAttachments, ReleaseAttachments
from tests import deeds
from tests.books import assert_books_balance
from tests.core import Core

ISSUE = ContainerRef("issue", "1")


async def state(place: Core, caller: Principal, attachment: Attachment) -> State | None:
    try:
        return (await place.services.downloads.find(caller, ById(attachment.id))).state
    except NotFound:
        return None


async def several(place: Core, caller: Principal, count: int, **fields: Any) -> list[Attachment]:
    return [await deeds.deposit(place, caller, b"x" * n, **fields) for n in range(1, count + 1)]


def claims(
    caller: Principal, *wanted: Attachment | Reference, ref: ContainerRef = ISSUE, **fields: Any
) -> ClaimAttachments:
    asked = tuple(
        Wanted(reference=ById(each.id) if isinstance(each, Attachment) else each) for each in wanted
    )
    return ClaimAttachments(caller=caller, ref=ref, wanted=asked, **({"exclusive": False} | fields))


async def test_a_claimed_one_stays_for_ever_and_the_whole_tenant_may_read_it(
    place: Core, ann: Principal, bob: Principal, eve: Principal
):
    made = await deeds.deposit(place, ann, b"x", lifetime=1000)
    await deeds.post(place, ann, made)
    place.clock.advance(10 * deeds.DAY)
    await place.services.reaping.sweep()
    for caller in (ann, bob):
        assert await deeds.bytes_of(place, caller, made) == b"x"
    with pytest.raises(NotFound):
        await deeds.bytes_of(place, eve, made)
    assert_books_balance(place, settled=True)


def _unknown(_made: Attachment) -> Reference:
    return ById(999)


NAMES: list[Callable[[Attachment], Reference]] = [
    lambda made: ById(made.id),
    lambda made: ByPublicId(made.public_id),
    lambda _made: deeds.by_sha3(b"x"),
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("who", ["bob", "eve"])
async def test_nobody_claims_what_is_anothers_and_cannot_tell_it_from_what_is_not_there(
    name: Callable[[Attachment], Reference], who: str, place: Core, ann: Principal
):
    made = await deeds.deposit(place, ann, b"x", digests=frozenset({SHA3_256}))
    mine = await deeds.principal(place, login=who, tenant="acme" if who == "bob" else "evil")
    own = await deeds.deposit(place, mine, b"own")
    with pytest.raises(NotFound) as foreign:
        await deeds.post(place, mine, own, name(made))
    with pytest.raises(NotFound) as unknown:
        await deeds.post(place, mine, own, _unknown(made))
    assert str(foreign.value) == str(unknown.value)
    assert foreign.value.facts["refusals"][0][1] == unknown.value.facts["refusals"][0][1]
    assert await state(place, mine, own) is State.DETACHED
    assert await state(place, ann, made) is State.DETACHED
    assert_books_balance(place, settled=True)


@pytest.mark.parametrize("place_of_the_bad", range(3))
async def test_one_that_cannot_be_claimed_keeps_all_from_being_claimed(
    place_of_the_bad: int, place: Core, ann: Principal
):
    good: list[Any] = list(await several(place, ann, 2))
    wanted = [*good[:place_of_the_bad], ById(999), *good[place_of_the_bad:]]
    with pytest.raises(NotFound):
        await deeds.post(place, ann, *wanted)
    assert [await state(place, ann, each) for each in good] == [State.DETACHED] * 2
    assert_books_balance(place, settled=True)


async def test_an_exclusive_claim_fails_where_another_container_holds_one(
    place: Core, ann: Principal
):
    first, second = await several(place, ann, 2)
    await deeds.post(place, ann, first)
    with pytest.raises(AlreadyClaimed) as caught:
        await deeds.post(place, ann, second, first, exclusive=True)
    assert caught.value.facts["refusals"] == [(ById(first.id), "claimed")]
    assert await state(place, ann, second) is State.DETACHED
    assert_books_balance(place, settled=True)


async def test_what_is_named_twice_in_one_claim_is_held_once(place: Core, ann: Principal):
    made = await deeds.deposit(place, ann, b"x", digests=frozenset({SHA3_256}))
    twice: list[Reference] = [
        ById(made.id),
        ByPublicId(made.public_id),
        deeds.by_sha3(b"x"),
        ById(made.id),
    ]
    held = await deeds.post(place, ann, *twice, exclusive=True)
    assert held.body == {"holds": [made.id]}
    assert_books_balance(place, settled=True)


async def test_the_same_container_claims_again_and_that_is_fine(place: Core, ann: Principal):
    first, second = await several(place, ann, 2)
    for _ in range(3):
        held = await place.services.claims.claim(claims(ann, first, exclusive=True))
        assert [each.attachment.id for each in held] == [first.id]
    held = await place.services.claims.claim(claims(ann, second, first, exclusive=True))
    assert [each.attachment.id for each in held] == [first.id, second.id]
    assert_books_balance(place, settled=True)


async def test_several_containers_may_hold_one_where_that_is_wanted(place: Core, ann: Principal):
    made = await deeds.deposit(place, ann, b"x")
    posts = [await deeds.post(place, ann, made) for _ in range(3)]
    for count, each in enumerate(posts, 1):
        assert await state(place, ann, made) is State.CLAIMED
        await place.services.containers.delete(deeds.removal(ann, each.ref))
        assert (await state(place, ann, made) is None) == (count == 3)
    assert_books_balance(place, settled=True)


async def test_of_claims_at_once_one_container_wins_all_or_nothing(place: Core, ann: Principal):
    dice = random.Random(3)
    made = [await deeds.deposit(place, ann, b"x" * n) for n in range(1, 31)]
    tried = [
        deeds.a_post(ann, *dice.sample(made, 3), exclusive=True, ref=ContainerRef("post", str(n)))
        for n in range(40)
    ]
    outcomes = await asyncio.gather(
        *(place.services.containers.create(each) for each in tried), return_exceptions=True
    )
    won = [each.body["holds"] for each in outcomes if not isinstance(each, BaseException)]
    assert won
    assert all(len(holds) == 3 for holds in won)
    held = [id for holds in won for id in holds]
    assert len(held) == len(set(held))
    claimed = [each.id for each in made if await state(place, ann, each) is State.CLAIMED]
    assert sorted(claimed) == sorted(held)
    assert all(
        isinstance(each, AlreadyClaimed) for each in outcomes if isinstance(each, BaseException)
    )
    assert_books_balance(place, settled=True)


@pytest.mark.parametrize("late", [0, 1])
async def test_a_claim_comes_too_late_at_the_very_moment_of_expiry(
    late: int, place: Core, ann: Principal
):
    made = await deeds.deposit(place, ann, b"x", lifetime=1000)
    place.clock.advance(milliseconds=999 + late)
    if late:
        with pytest.raises(NotFound):
            await deeds.post(place, ann, made)
    else:
        await deeds.post(place, ann, made)
    assert_books_balance(place, settled=True)


async def test_by_digest_the_callers_own_detached_one_comes_first_then_what_it_holds_already(
    place: Core, ann: Principal, bob: Principal
):
    wish = {"digests": frozenset({SHA3_256})}
    old = await deeds.deposit(place, ann, b"x", **wish)
    await deeds.post(place, ann, deeds.by_sha3(b"x"))
    assert await state(place, ann, old) is State.CLAIMED
    again = await deeds.post(place, ann, deeds.by_sha3(b"x"))
    assert again.body == {"holds": [old.id]}
    new = await deeds.deposit(place, ann, b"x", **wish)
    assert (await deeds.post(place, ann, deeds.by_sha3(b"x"))).body == {"holds": [new.id]}
    # Bob may read it, and has no post that holds it.
    with pytest.raises(NotFound):
        await deeds.post(place, bob, deeds.by_sha3(b"x"))
    assert_books_balance(place, settled=True)


async def test_what_lies_in_the_tree_may_be_claimed_by_its_token(place: Core, ann: Principal):
    made = await deeds.file_away(place, ann, b"x" * 2000, "a/b.txt")
    held = await deeds.post(place, ann, ByToken("a/b.txt"), exclusive=True)
    assert held.body == {"holds": [made.id]}
    assert_books_balance(place, settled=True)


# -- containers kept elsewhere ---------------------------------------------------------------------


async def test_what_is_released_is_detached_again_with_a_fresh_window(place: Core, ann: Principal):
    made = await deeds.deposit(place, ann, b"x", lifetime=1000)
    await place.services.claims.claim(claims(ann, made))
    place.clock.advance(10_000)
    await place.services.claims.release(ReleaseAttachments(caller=ann, ref=ISSUE))
    found = await place.services.downloads.find(ann, ById(made.id))
    assert found.state is State.DETACHED
    assert found.expires_at == place.clock.now() + place.settings.detached_ttl * 1000
    assert_books_balance(place, settled=True)
    place.clock.advance(place.settings.detached_ttl + 61)
    await place.services.reaping.sweep()
    assert await state(place, ann, made) is None
    assert_books_balance(place, settled=True)


@pytest.mark.parametrize("lapses", [False, True])
async def test_what_waits_for_ever_does_so_again(lapses: bool, place: Core, ann: Principal):
    made = await deeds.deposit(place, ann, b"x", lifetime=None, dialect="chat")
    await place.services.claims.claim(claims(ann, made, lease=1000 if lapses else None))
    if lapses:
        place.clock.advance(3600)
        await place.services.reaping.sweep()
    else:
        await place.services.claims.release(ReleaseAttachments(caller=ann, ref=ISSUE))
    found = await place.services.downloads.find(ann, ById(made.id))
    assert (found.state, found.expires_at) == (State.DETACHED, None)
    assert_books_balance(place, settled=True)


async def test_releasing_what_it_does_not_hold_changes_nothing(place: Core, ann: Principal):
    first, second = await several(place, ann, 2)
    await place.services.claims.claim(claims(ann, first))
    with pytest.raises(NotFound):
        await place.services.claims.release(
            ReleaseAttachments(caller=ann, ref=ISSUE, references=(ById(first.id), ById(second.id)))
        )
    assert await state(place, ann, first) is State.CLAIMED
    assert_books_balance(place, settled=True)


@pytest.mark.parametrize("delete", [False, True])
async def test_an_exact_claim_lets_go_of_the_rest(delete: bool, place: Core, ann: Principal):
    first, second, third = await several(place, ann, 3)
    await deeds.post(place, ann, third)
    await place.services.claims.claim(claims(ann, first, second, third))
    held = await place.services.claims.claim(
        claims(ann, second, exactly=True, delete_others=delete)
    )
    assert [each.attachment.id for each in held] == [second.id]
    assert await state(place, ann, first) is (None if delete else State.DETACHED)
    assert await state(place, ann, third) is State.CLAIMED  # the post holds it
    assert_books_balance(place, settled=True)


async def test_a_claim_with_a_lease_lapses_unless_it_is_made_again(place: Core, ann: Principal):
    made = await deeds.deposit(place, ann, b"x")
    await place.services.claims.claim(claims(ann, made, lease=100_000))
    place.clock.advance(90)
    await place.services.claims.claim(claims(ann, made, lease=100_000))
    place.clock.advance(90)
    await place.services.reaping.sweep()
    assert await state(place, ann, made) is State.CLAIMED
    place.clock.advance(71)
    assert (await place.services.reaping.sweep()).lapsed == [made.id]
    assert await state(place, ann, made) is State.DETACHED
    assert_books_balance(place, settled=True)


async def test_of_two_leases_the_longer_one_holds(place: Core, ann: Principal):
    made = await deeds.deposit(place, ann, b"x")
    other = ContainerRef("issue", "2")
    await place.services.claims.claim(claims(ann, made, lease=10_000))
    await place.services.claims.claim(claims(ann, made, ref=other))
    place.clock.advance(10_000)
    await place.services.reaping.sweep()
    assert await place.services.claims.held(ann, ISSUE) == []
    assert await state(place, ann, made) is State.CLAIMED
    assert_books_balance(place, settled=True)


async def test_a_container_that_was_deleted_claims_nothing(place: Core, ann: Principal):
    made = await deeds.deposit(place, ann, b"x")
    held = await deeds.post(place, ann)
    await place.services.containers.delete(deeds.removal(ann, held.ref))
    with pytest.raises(NotFound):
        await place.services.claims.claim(claims(ann, made, ref=held.ref))
    assert await state(place, ann, made) is State.DETACHED
    assert_books_balance(place, settled=True)


# -- containers kept here, and the memory of requests ----------------------------------------------


async def test_each_amendment_is_a_version_and_older_ones_stay(place: Core, ann: Principal):
    first, second = await several(place, ann, 2)
    held = await deeds.post(place, ann, first)
    amended = await place.services.containers.amend(deeds.amendment(ann, held.ref, second))
    assert (held.version, amended.version, amended.body) == (1, 2, {"from": 1})
    versions = await place.services.containers.versions(ann, held.ref, Window(limit=9))
    assert [(each.number, each.body) for each in versions.items] == [
        (2, {"from": 1}),
        (1, {"holds": [first.id]}),
    ]
    assert await state(place, ann, first) is State.CLAIMED  # an older version shows it
    assert_books_balance(place, settled=True)


async def test_amendments_at_once_each_make_a_version_of_their_own(place: Core, ann: Principal):
    held = await deeds.post(place, ann)
    amended = await asyncio.gather(
        *(place.services.containers.amend(deeds.amendment(ann, held.ref)) for _ in range(10))
    )
    assert sorted(each.version for each in amended) == list(range(2, 12))
    with pytest.raises(VersionMismatch):
        await place.services.containers.amend(deeds.amendment(ann, held.ref, version=5))


async def test_only_its_owner_changes_a_container(
    place: Core, ann: Principal, bob: Principal, eve: Principal
):
    held = await deeds.post(place, ann)
    for other in (bob, eve):
        with pytest.raises(NotFound):
            await place.services.containers.amend(deeds.amendment(other, held.ref))
        with pytest.raises(NotFound):
            await place.services.containers.delete(deeds.removal(other, held.ref))
    assert (await place.services.containers.get(bob, held.ref)).version == 1
    with pytest.raises(NotFound):
        await place.services.containers.get(eve, held.ref)


async def test_an_amendment_that_fails_leaves_version_and_attachments_alone(
    place: Core, ann: Principal
):
    made = await deeds.deposit(place, ann, b"x")
    held = await deeds.post(place, ann)
    with pytest.raises(NotFound):
        await place.services.containers.amend(deeds.amendment(ann, held.ref, made, ById(999)))
    assert (await place.services.containers.get(ann, held.ref)).version == 1
    assert await state(place, ann, made) is State.DETACHED
    assert_books_balance(place, settled=True)


async def test_a_deleted_container_is_gone_and_so_is_what_only_it_held(place: Core, ann: Principal):
    made = [await deeds.deposit(place, ann, deeds.content(2000, n)) for n in range(3)]
    other = await deeds.post(place, ann, made[0])
    held = await deeds.post(place, ann, *made)
    await place.services.containers.delete(deeds.removal(ann, held.ref))
    with pytest.raises(NotFound):
        await place.services.containers.get(ann, held.ref)
    with pytest.raises(NotFound):
        await place.services.containers.delete(deeds.removal(ann, held.ref))
    assert [await state(place, ann, each) for each in made] == [State.CLAIMED, None, None]
    assert_books_balance(place, settled=True)  # purged at once, without a sweep
    assert (await place.services.containers.get(ann, other.ref)).version == 1


async def test_a_request_that_is_made_again_is_answered_as_before_and_does_nothing(
    place: Core, ann: Principal
):
    made = await deeds.deposit(place, ann, b"x")
    command = deeds.a_post(ann, made, exclusive=True, request=deeds.request_id())
    answers = [await place.services.containers.create(command) for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    with pytest.raises(ReplayMismatch):
        await deeds.post(place, ann, request=deeds.request_id(fingerprint="other"))
    assert_books_balance(place, settled=True)


async def test_the_same_request_many_times_at_once_is_carried_out_once(place: Core, ann: Principal):
    made = await deeds.deposit(place, ann, b"x")
    answers = await asyncio.gather(
        *(
            deeds.post(place, ann, made, exclusive=True, request=deeds.request_id())
            for _ in range(16)
        )
    )
    assert len({each.id for each in answers}) == 1
    assert_books_balance(place, settled=True)


async def test_a_request_id_is_its_principals_own_and_is_forgotten_after_a_day(
    place: Core, ann: Principal, bob: Principal
):
    mine = await deeds.post(place, ann, request=deeds.request_id())
    assert (await deeds.post(place, bob, request=deeds.request_id())).id != mine.id
    place.clock.advance(deeds.DAY / 1000 - 1)
    assert (await deeds.post(place, ann, request=deeds.request_id())).id == mine.id
    place.clock.advance(1)
    later = await deeds.post(place, ann, request=deeds.request_id(fingerprint="other"))
    assert later.id != mine.id
    assert (await place.services.reaping.sweep()).replays == 1


async def test_a_request_that_failed_may_be_made_again_under_its_id(place: Core, ann: Principal):
    with pytest.raises(NotFound):
        await deeds.post(place, ann, ById(1), request=deeds.request_id())
    made = await deeds.deposit(place, ann, b"x")
    assert made.id == 1
    assert (await deeds.post(place, ann, made, request=deeds.request_id())).body == {"holds": [1]}


# -- deleting --------------------------------------------------------------------------------------


async def test_a_deleted_one_is_gone_at_once_with_its_bytes_and_its_place_in_the_quota(
    place: Core, ann: Principal
):
    made = await deeds.deposit(place, ann, deeds.content(deeds.LARGE))
    await place.services.deleting.delete(ann, ById(made.id), [State.DETACHED])
    assert await state(place, ann, made) is None
    assert (await place.services.listing.holdings(ann)).usage.used == 0
    with pytest.raises(NotFound):
        await place.services.deleting.delete(ann, ById(made.id), [State.DETACHED])
    assert_books_balance(place, settled=True)


async def test_a_dialect_deletes_only_from_the_states_it_names(place: Core, ann: Principal):
    made = await deeds.deposit(place, ann, b"x")
    await deeds.post(place, ann, made)
    with pytest.raises(NotFound):
        await place.services.deleting.delete(ann, ById(made.id), [State.DETACHED])
    assert await state(place, ann, made) is State.CLAIMED


async def test_of_a_claim_and_a_delete_at_once_exactly_one_is_carried_out(
    place: Core, ann: Principal
):
    changing: list[str] = []

    def note(_c: object, _k: object, statement: str, *_: object) -> None:
        if statement.startswith("UPDATE attachments"):
            changing.append(statement)

    event.listen(place.engine.sync_engine, "before_cursor_execute", note)
    seen = set()
    for n in range(20):
        made = await deeds.deposit(place, ann, deeds.content(1500, n))
        changing.clear()
        deleting = asyncio.create_task(
            place.services.deleting.delete(ann, ById(made.id), [State.DETACHED])
        )
        while n % 2 and not changing:  # a head start: it has to look before it deletes
            await asyncio.sleep(0)
        claiming = deeds.post(place, ann, made, exclusive=True)
        outcomes = await asyncio.gather(claiming, deleting, return_exceptions=True)
        failed = [isinstance(each, NotFound) for each in outcomes]
        assert sorted(failed) == [False, True]
        claimed = not failed[0]
        seen.add(claimed)
        assert await state(place, ann, made) is (State.CLAIMED if claimed else None)
        if claimed:
            assert await deeds.bytes_of(place, ann, made) == deeds.content(1500, n)
    assert seen == {True, False}
    assert_books_balance(place, settled=True)


async def test_the_digest_a_claim_names_is_found_although_nobody_took_it_yet(
    place: Core, ann: Principal
):
    made = await deeds.deposit(place, ann, deeds.content(deeds.LARGE))
    assert SHA3_256 not in made.digests
    wanted = deeds.by_sha3(deeds.content(deeds.LARGE))
    assert isinstance(wanted, ByDigest)
    assert (await deeds.post(place, ann, wanted)).body == {"holds": [made.id]}
