from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from coatcheck.domain.attachment import Attachment
from coatcheck.domain.claim import ById
from coatcheck.domain.lifecycle import State
from coatcheck.domain.pages import CountedPage, Mark, Page, Window
from coatcheck.domain.principal import Principal
from tests import deeds
from tests.core import Core


def mark(item: Any) -> Mark:
    return Mark(item.created_at, item.id)


async def fill(place: Core, ann: Principal, count: int) -> list[int]:
    """Newest first; several made in the same millisecond."""
    ids = []
    for n in range(count):
        ids.append((await deeds.deposit(place, ann, b"x")).id)
        place.clock.advance(milliseconds=n % 2)
    return ids[::-1]


async def page(place: Core, ann: Principal, **window: Any) -> CountedPage[Attachment]:
    return await place.services.listing.detached(ann, Window(**window))


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 10])
async def test_pages_forwards_and_backwards_show_everything_once_in_one_order(
    limit: int, place: Core, ann: Principal
):
    expected = await fill(place, ann, 7)
    seen: list[int] = []
    found = await page(place, ann, limit=limit)
    assert not found.newer
    while True:
        seen += [each.id for each in found.items]
        assert found.total == 7
        assert found.older is (len(seen) < 7)
        if not found.older:
            break
        found = await page(place, ann, limit=limit, after=mark(found.items[-1]))
        assert found.newer
    assert seen == expected
    back: list[int] = []
    while True:
        back = [each.id for each in found.items] + back
        if not found.newer:
            break
        found = await page(place, ann, limit=limit, before=mark(found.items[0]))
        assert found.older
    assert back == expected
    tail = await page(place, ann, limit=limit, tail=True)
    assert [each.id for each in tail.items] == expected[-(7 % limit or limit) :]
    assert (tail.newer, tail.older) == (limit < 7, False)


async def test_beyond_either_end_there_is_nothing_and_the_page_says_where_the_rest_is(
    place: Core, ann: Principal
):
    empty = await page(place, ann, limit=3)
    assert (empty.items, empty.total, empty.newer, empty.older) == ([], 0, False, False)
    await fill(place, ann, 3)
    all_of_them = (await page(place, ann, limit=9)).items
    before = await page(place, ann, limit=3, before=mark(all_of_them[0]))
    assert (before.items, before.newer, before.older) == ([], False, True)
    after = await page(place, ann, limit=3, after=mark(all_of_them[-1]))
    assert (after.items, after.newer, after.older) == ([], True, False)


def _walk(limit: int) -> Callable[[Page[Attachment]], Window | None]:
    def step(found: Page[Attachment]) -> Window | None:
        return Window(limit=limit, after=mark(found.items[-1])) if found.older else None

    return step


@pytest.mark.parametrize("seed", range(6))
async def test_what_was_there_throughout_is_seen_exactly_once_whatever_comes_and_goes_between(
    seed: int, place: Core, ann: Principal
):
    dice = random.Random(seed)
    ids = await fill(place, ann, 14)
    staying, seen = set(ids), list[int]()
    step = _walk(dice.randint(1, 4))
    window: Window | None = Window(limit=3)
    while window:
        found = await place.services.listing.detached(ann, window)
        seen += [each.id for each in found.items]
        window = step(found)
        match dice.choice(["come", "go", "nothing"]):
            case "come":
                await deeds.deposit(place, ann, b"new")
            case "go":
                gone = dice.choice(sorted(staying))
                staying.discard(gone)
                await place.services.deleting.delete(ann, ById(gone), [State.DETACHED])
    assert len(seen) == len(set(seen))
    assert staying <= set(seen)


async def test_containers_are_paged_in_the_same_way(place: Core, ann: Principal):
    posts = [await deeds.post(place, ann) for _ in range(5)]
    first = await place.services.containers.page(ann, "post", Window(limit=2))
    second = await place.services.containers.page(
        ann, "post", Window(limit=2, after=mark(first.items[-1]))
    )
    assert [each.id for each in first.items + second.items] == [each.id for each in posts[:0:-1]]
