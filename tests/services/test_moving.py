"""Blobs that move from one store to another while they are read, claimed, deleted and deposited."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from coatcheck.blobs.base import BlobKey, new_blob_key
from coatcheck.blobs.moving import MovingBlobStore
from coatcheck.domain.attachment import Attachment
from coatcheck.domain.claim import ById
from coatcheck.domain.errors import Gone, NotFound, Unavailable
from coatcheck.domain.lifecycle import State
from coatcheck.services.moving import Moved, Moving
from coatcheck.services.turn import Turn
from coatcheck.testing.bodies import Whole
from coatcheck.testing.content import listed
from coatcheck.testing.faulty import FaultyBlobStore
from tests import deeds
from tests.core import Core, core

pytestmark = pytest.mark.folder


def two_stores(tmp_path: Path) -> dict[str, Any]:
    """Settings of an installation whose blobs move from its own folder into another."""
    return {
        "blobs_url": (tmp_path / "new").as_uri(),
        "blobs_from": (tmp_path / "data" / "blobs").as_uri(),
        **deeds.BLOBS_ABOVE_1000,
    }


async def filled(tmp_path: Path, number: int) -> list[Attachment]:
    async with core(tmp_path / "data", **deeds.BLOBS_ABOVE_1000) as place:
        ann = await deeds.principal(place)
        return [await deeds.deposit(place, ann, deeds.content(1500, n)) for n in range(number)]


def stores(place: Core) -> MovingBlobStore:
    assert isinstance(place.services.blobs, MovingBlobStore)
    return place.services.blobs


def turn(place: Core) -> Turn:
    return Turn(place.services.transactions, place.clock, "moving")


async def move(place: Core, stop: asyncio.Event | None = None) -> Moved:
    assert place.services.moving
    return await place.services.moving.move(stop or asyncio.Event(), lambda _moved: None)


async def test_all_that_is_named_moves_and_is_still_read(tmp_path: Path):
    made = await filled(tmp_path, 5)
    async with core(tmp_path / "data", **two_stores(tmp_path)) as place:
        ann = await deeds.principal(place)
        moved = await move(place)
        assert (moved.blobs, moved.size, moved.failures, moved.unnamed) == (5, 7500, [], 0)
        assert await listed(stores(place).old) == []
        assert await deeds.findings(place, rehash=True) == []
    only_new = {"blobs_url": (tmp_path / "new").as_uri(), **deeds.BLOBS_ABOVE_1000}
    async with core(tmp_path / "data", **only_new) as place:
        ann = await deeds.principal(place)
        for seed, each in enumerate(made):
            assert await deeds.bytes_of(place, ann, each) == deeds.content(1500, seed)
        assert await deeds.findings(place, rehash=True) == []


async def test_under_load_nothing_is_lost_and_nothing_deleted_comes_back(tmp_path: Path):
    kept = dict(enumerate(await filled(tmp_path, 120)))
    detached = list(kept)
    async with core(tmp_path / "data", **two_stores(tmp_path)) as place:
        ann = await deeds.principal(place)
        done = asyncio.Event()

        async def read() -> None:
            while not done.is_set():
                seed = random.choice(list(kept))
                with suppress(Gone, NotFound):
                    found = await deeds.bytes_of(place, ann, kept[seed])
                    assert found == deeds.content(1500, seed)
                await asyncio.sleep(0)

        async def delete() -> None:
            while not done.is_set() and len(detached) > 60:
                gone = kept.pop(detached.pop(random.randrange(len(detached))))
                await place.services.deleting.delete(ann, ById(gone.id), [State.DETACHED])

        async def deposit(seed: int) -> None:
            while not done.is_set():
                seed += 10
                made = await deeds.deposit(place, ann, deeds.content(1500, seed))
                await deeds.post(place, ann, made)
                kept[seed] = made

        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(read())
            group.create_task(delete())
            group.create_task(deposit(1000))
            await move(place)
            done.set()

        await place.services.reaping.sweep()
        await move(place)
        assert await listed(stores(place).old) == []
        assert await deeds.findings(place, rehash=True) == []
        for seed, each in kept.items():
            assert await deeds.bytes_of(place, ann, each) == deeds.content(1500, seed)


async def test_what_is_deleted_while_it_is_copied_does_not_come_back(tmp_path: Path):
    (made,) = await filled(tmp_path, 1)
    async with core(tmp_path / "data", **two_stores(tmp_path)) as place:
        ann = await deeds.principal(place)

        class Deletes(FaultyBlobStore):
            """At the last moment before the copy is there."""

            async def put(self, key: BlobKey, data: Any) -> int:
                await place.services.deleting.delete(ann, ById(made.id), [State.DETACHED])
                return await super().put(key, data)

        (key,) = await listed(stores(place).old)
        content = b"".join([piece async for piece in stores(place).old.read(key)])
        old = stores(place).old
        new = Deletes(stores(place).new, "put", 0, EOFError())
        slow = _Kept(old, key, content)
        await Moving(place.services.transactions, turn(place), old=slow, new=new).move(
            asyncio.Event(), lambda _: None
        )
        assert await listed(stores(place)) == []
        assert await deeds.findings(place) == []


async def test_a_copy_of_what_was_deleted_goes_with_the_next_run_where_it_could_not_at_once(
    tmp_path: Path,
):
    (made,) = await filled(tmp_path, 1)
    async with core(tmp_path / "data", **two_stores(tmp_path)) as place:
        ann = await deeds.principal(place)

        class Fails(FaultyBlobStore):
            """To remove the copy of what was deleted when its last byte had come."""

            async def put(self, key: BlobKey, data: Any) -> int:
                content = b"".join([piece async for piece in data])
                await place.services.deleting.delete(ann, ById(made.id), [State.DETACHED])
                self.arm("delete", 1, Unavailable(retry_after=1))
                return await super().put(key, Whole(content))

        both = stores(place)
        new = Fails(both.new, "put", 0, EOFError())
        moving = Moving(place.services.transactions, turn(place), old=both.old, new=new)
        ((key, _),) = (await moving.move(asyncio.Event(), lambda _: None)).failures
        assert await listed(both.new) == [key]
        assert (await move(place)).blobs == 0
        assert await listed(both) == []


class _Kept(FaultyBlobStore):
    """An old store that still delivers what was deleted, as to a reader who had begun before."""

    def __init__(self, store: Any, key: BlobKey, content: bytes) -> None:
        super().__init__(store, "put", 0, EOFError())
        self._key = key
        self._content = content

    async def read(self, key: BlobKey, start: int = 0, stop: int | None = None):
        assert key == self._key
        yield self._content


async def test_damage_is_not_moved_and_the_old_copy_stays(tmp_path: Path):
    await filled(tmp_path, 3)
    spoiled = min((tmp_path / "data" / "blobs" / "blobs").glob("*/*"))
    spoiled.write_bytes(b"!" + spoiled.read_bytes()[1:])
    async with core(tmp_path / "data", **two_stores(tmp_path)) as place:
        moved = await move(place)
        assert moved.blobs == 2
        ((key, reason),) = moved.failures
        assert key == spoiled.name
        assert "old store" in reason
        assert await listed(stores(place).old) == [key]
        assert key not in await listed(stores(place).new)


async def test_a_new_store_that_fails_at_any_point_loses_nothing(tmp_path: Path):
    made = await filled(tmp_path, 3)
    for op in ("put", "read", "delete"):
        for after in (False, True):
            async with core(tmp_path / "data", **two_stores(tmp_path)) as place:
                ann = await deeds.principal(place)
                both = stores(place)
                new = FaultyBlobStore(both.new, op, 1, Unavailable("away"), after=after)
                moving = Moving(place.services.transactions, turn(place), old=both.old, new=new)
                await moving.move(asyncio.Event(), lambda _: None)
                for seed, each in enumerate(made):
                    assert await deeds.bytes_of(place, ann, each) == deeds.content(1500, seed)
    async with core(tmp_path / "data", **two_stores(tmp_path)) as place:
        assert (await move(place)).failures == []
        assert await listed(stores(place).old) == []
        assert await deeds.findings(place, rehash=True) == []


async def test_when_asked_to_stop_it_ends_between_blobs_and_can_be_gone_on_with(tmp_path: Path):
    await filled(tmp_path, 3)
    async with core(tmp_path / "data", **two_stores(tmp_path)) as place:
        stop = asyncio.Event()
        stop.set()
        moved = await move(place, stop)
        assert (moved.blobs, moved.stopped) == (0, True)
        assert (await move(place)).blobs == 3


async def test_what_nothing_names_stays_where_it_is_and_is_counted(tmp_path: Path):
    await filled(tmp_path, 1)
    async with core(tmp_path / "data", **two_stores(tmp_path)) as place:
        stray = new_blob_key()
        await stores(place).old.put(stray, Whole(b"stray"))
        moved = await move(place)
        assert (moved.blobs, moved.unnamed) == (1, 1)
        assert await listed(stores(place).old) == [stray]
        assert await deeds.orphans(place) == [stray]
