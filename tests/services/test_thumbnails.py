from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from coatcheck.domain.attachment import Attachment
from coatcheck.domain.claim import ById, ByPublicId
from coatcheck.domain.derivative import Derivative
from coatcheck.domain.errors import Corrupt, NotFound, StorageFull, Unavailable
from coatcheck.domain.lifecycle import State
from coatcheck.domain.principal import Principal
from coatcheck.imaging.thumbnails import MAX_SOURCE
from coatcheck.services.thumbnails import AT_ONCE, Thumbnails
from tests import deeds, pictures
from tests.books import assert_books_balance, rows
from tests.core import Core, core
from tests.pictures import DRAWN, NEVER_OPENED, opened, picture

SMALL = Derivative("image/png", b"a small picture")


class FakeImaging:
    """Takes on whatever has up to a million pixels, and makes the same of all; None of what begins with b"\\x89PNG".

    While `hold` is clear it does not come to an end; `begun` counts those it has begun, `most` those at a time.
    """

    def __init__(self) -> None:
        self.hold = asyncio.Event()
        self.hold.set()
        self.begun = self.most = self._now = 0
        self.read: list[bytes] = []
        self.error: Exception | None = None

    def accepts(self, width: int, height: int, size: int) -> bool:
        return width * height <= 10**6

    async def thumbnail(self, picture: AsyncIterator[bytes]) -> Derivative | None:
        self.begun += 1
        self._now += 1
        self.most = max(self.most, self._now)
        try:
            content = b"".join([data async for data in picture])
            self.read.append(content)
            await self.hold.wait()
            if self.error:
                raise self.error
            return None if content.startswith(b"\x89PNG") else SMALL
        finally:
            self._now -= 1


@pytest.fixture
def imaging(place: Core) -> FakeImaging:
    """In the place of the one that decodes."""
    fake = FakeImaging()
    place.services.thumbnails._imaging = fake
    return fake


async def a_picture(place: Core, caller: Principal, data: bytes | None = None) -> Attachment:
    return await deeds.deposit(place, caller, data or picture("jpeg"), media_type="image/jpeg")


async def get(place: Core, caller: Principal, attachment: Attachment) -> Derivative:
    return await place.services.thumbnails.get(caller, ById(attachment.id))


def kept(place: Core) -> list[int]:
    """The attachments that have a derivative on record."""
    found = rows(place.settings.data_dir, "SELECT attachment_id FROM derivatives")
    return [row["attachment_id"] for row in found]


async def until(condition: object) -> None:
    assert callable(condition)
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


# --- dimensions -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", DRAWN)
async def test_a_deposit_has_its_dimensions_from_its_first_moment(
    place: Core, ann: Principal, kind: str
) -> None:
    for data in (picture(kind), picture(kind) + bytes(100_000)):  # in a row, in a blob
        at_once = await deeds.deposit(place, ann, data)
        later = await place.services.downloads.find(ann, ById(at_once.id))
        assert (at_once.width, at_once.height) == (later.width, later.height) == (40, 30)


@pytest.mark.parametrize("kind", NEVER_OPENED)
async def test_what_is_no_picture_has_no_dimensions_and_offers_no_thumbnail(
    place: Core, ann: Principal, kind: str
) -> None:
    stored = await deeds.deposit(place, ann, NEVER_OPENED[kind], media_type="image/png")
    assert (stored.width, stored.height) == (None, None)
    assert not place.services.thumbnails.offers(stored)
    with pytest.raises(NotFound):
        await get(place, ann, stored)


async def test_parts_by_number_have_the_dimensions_that_the_first_one_tells(
    place: Core, ann: Principal
) -> None:
    whole = pictures.noise((200, 100))
    parts = [whole[:2000], picture("png"), whole[2000:]]
    total = sum(map(len, parts))
    progress = [
        await deeds.receive(place, deeds.a_part(ann, parts[n - 1], total=total, ordinal=n))
        for n in (2, 3, 1)
    ][-1]
    assert progress.complete
    assert (progress.attachment.width, progress.attachment.height) == (200, 100)


async def test_parts_by_place_have_the_dimensions_that_the_first_bytes_tell(
    place: Core, ann: Principal
) -> None:
    whole = pictures.noise((200, 100))
    progress = [
        await deeds.receive(place, deeds.a_part(ann, whole[a:b], total=len(whole), start=a))
        for a, b in ((2000, len(whole)), (0, 10), (0, 2000))
    ][-1]
    assert progress.complete
    assert (progress.attachment.width, progress.attachment.height) == (200, 100)
    assert (await get(place, ann, progress.attachment)).media_type == "image/jpeg"


# --- hostile uploads ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (pictures.png_header(60_000, 60_000), (60_000, 60_000)),
        (pictures.png_header(40, 30), (40, 30)),
        (picture("jpeg-large-header")[:-200], (40, 30)),
        (pictures.moving("GIF"), (40, 30)),
        (pictures.moving("PNG"), (40, 30)),
        (pictures.gif_header(40, 30), (40, 30)),
        (pictures.jpeg_header(40, 30), (40, 30)),
        (pictures.jpeg_header(0, 0), (None, None)),
        (pictures.png_header(0, 0), (None, None)),
        (pictures.png_header(2**31, 30), (None, None)),
    ],
)
async def test_a_picture_that_is_a_trap_is_stored_like_any_other_and_has_no_thumbnail(
    place: Core, ann: Principal, data: bytes, size: tuple[int | None, int | None]
) -> None:
    stored = await deeds.deposit(place, ann, data)
    assert (stored.width, stored.height) == size
    with pytest.raises(NotFound):
        await get(place, ann, stored)
    assert not place.services.thumbnails.offers(stored)
    assert await deeds.bytes_of(place, ann, stored) == data
    assert kept(place) == []


async def test_what_is_too_large_by_its_own_word_is_not_even_read(
    place: Core, ann: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[object] = []
    monkeypatch.setattr(asyncio, "create_subprocess_exec", started.append)
    flood = await deeds.deposit(place, ann, pictures.png_header(60_000, 60_000))
    long = await deeds.deposit(place, ann, picture("png") + bytes(MAX_SOURCE))
    for each in (flood, long):
        with pytest.raises(NotFound):
            await get(place, ann, each)
    assert started == []


# --- made once, kept, and gone with the attachment ----------------------------------------------


async def test_a_thumbnail_is_made_when_it_is_first_asked_for_and_kept(
    place: Core, ann: Principal
) -> None:
    stored = await a_picture(place, ann, pictures.noise((900, 600)))
    assert place.services.thumbnails.offers(stored)
    assert kept(place) == []

    first = await get(place, ann, stored)
    assert first.media_type == "image/jpeg"
    assert opened(first.content).size == (256, 171)
    assert kept(place) == [stored.id]

    place.services.thumbnails._imaging = FakeImaging()
    assert await get(place, ann, stored) == first
    assert await place.services.thumbnails.get(ann, ByPublicId(stored.public_id)) == first, (
        "by whatever name"
    )


async def test_what_was_kept_is_there_after_a_restart_without_imaging(tmp_path: Path) -> None:
    async with core(tmp_path) as place:
        ann = await deeds.principal(place)
        stored = await a_picture(place, ann)
        first = await get(place, ann, stored)
    async with core(tmp_path, thumbnail_max_pixels=0) as place:
        assert await get(place, ann, stored) == first
        other = await a_picture(place, ann)
        assert (other.width, other.height) == (40, 30)
        assert not place.services.thumbnails.offers(other)
        with pytest.raises(NotFound):
            await get(place, ann, other)


async def test_many_who_ask_for_one_at_the_same_time_have_it_made_once(
    place: Core, ann: Principal, imaging: FakeImaging
) -> None:
    stored = await a_picture(place, ann)
    assert await asyncio.gather(*(get(place, ann, stored) for _ in range(100))) == [SMALL] * 100
    assert imaging.begun == 1
    assert imaging.read == [picture("jpeg")]


async def test_it_is_made_although_the_one_who_asked_hangs_up(
    place: Core, ann: Principal, imaging: FakeImaging
) -> None:
    stored = await a_picture(place, ann)
    imaging.hold.clear()
    asking = asyncio.create_task(get(place, ann, stored))
    await until(lambda: imaging.begun)
    other = asyncio.create_task(get(place, ann, stored))
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    imaging.hold.set()
    assert await other == SMALL
    assert imaging.begun == 1


async def test_what_cannot_be_made_is_tried_once(
    place: Core, ann: Principal, imaging: FakeImaging
) -> None:
    stored = await a_picture(place, ann, picture("png"))
    for _ in range(3):
        with pytest.raises(NotFound):
            await get(place, ann, stored)
    assert imaging.begun == 1


async def test_a_failure_that_may_pass_is_tried_again(
    place: Core, ann: Principal, imaging: FakeImaging
) -> None:
    stored = await a_picture(place, ann)
    imaging.error = Unavailable(retry_after=1)
    with pytest.raises(Unavailable):
        await get(place, ann, stored)
    imaging.error = None
    assert await get(place, ann, stored) == SMALL


async def test_a_derivative_dies_with_its_attachment(place: Core, ann: Principal) -> None:
    stored, other = await a_picture(place, ann), await a_picture(place, ann)
    for each in (stored, other):
        await get(place, ann, each)

    await place.services.deleting.delete(ann, ById(stored.id), [State.DETACHED])

    assert kept(place) == [other.id]
    with pytest.raises(NotFound):
        await get(place, ann, stored)


async def test_a_derivative_goes_when_its_attachment_runs_out_of_time(
    place: Core, ann: Principal
) -> None:
    stored = await a_picture(place, ann)
    await get(place, ann, stored)
    place.clock.advance(2 * 24 * 3600)
    with pytest.raises(NotFound):
        await get(place, ann, stored)
    await deeds.settle(place)
    assert kept(place) == []
    assert_books_balance(place, settled=True)


@pytest.mark.parametrize("purged", [True, False])
async def test_one_that_is_finished_after_its_attachment_is_gone_is_not_kept(
    place: Core, ann: Principal, imaging: FakeImaging, purged: bool
) -> None:
    stored = await a_picture(place, ann)
    imaging.hold.clear()
    asking = asyncio.create_task(get(place, ann, stored))
    await until(lambda: imaging.read)
    if purged:
        await place.services.deleting.delete(ann, ById(stored.id), [State.DETACHED])
    else:
        async with place.services.transactions.write() as facts:
            await facts.lives.delete(stored.id, [State.DETACHED], place.clock.now())
    imaging.hold.set()
    with pytest.raises(NotFound):
        await asking
    assert kept(place) == []


async def test_one_that_cannot_be_kept_is_shown_all_the_same(
    place: Core, ann: Principal, imaging: FakeImaging, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = await a_picture(place, ann)

    def full() -> None:
        raise StorageFull

    monkeypatch.setattr(place.services.thumbnails._transactions, "write", full)
    assert await get(place, ann, stored) == SMALL
    assert kept(place) == []


@pytest.mark.folder
async def test_damaged_bytes_are_told_before_anything_is_decoded(
    place: Core, ann: Principal, imaging: FakeImaging
) -> None:
    stored = await a_picture(place, ann, pictures.noise((200, 100)))
    (blob,) = (place.settings.data_dir / "blobs" / "blobs").glob("??/*")
    blob.chmod(0o600)
    blob.write_bytes(blob.read_bytes()[:-1])
    with pytest.raises(Corrupt):
        await get(place, ann, stored)
    assert imaging.begun == 0


# --- for whom -------------------------------------------------------------------------------------


async def test_nobody_sees_the_thumbnail_of_what_they_may_not_see(
    place: Core, ann: Principal, bob: Principal, eve: Principal
) -> None:
    stored = await a_picture(place, ann)
    for _ in ("not made yet", "kept"):
        for other in (bob, eve):
            with pytest.raises(NotFound) as unseen:
                await get(place, other, stored)
            with pytest.raises(NotFound) as unknown:
                await place.services.thumbnails.get(other, ById(10**6))
            assert str(unseen.value) == str(unknown.value)
        await get(place, ann, stored)

    await deeds.post(place, ann, stored)
    assert await get(place, bob, stored) == await get(place, ann, stored)
    with pytest.raises(NotFound):
        await get(place, eve, stored)


# --- bounds ---------------------------------------------------------------------------------------


async def test_only_so_many_are_made_at_a_time_and_so_many_wait(
    place: Core, ann: Principal, imaging: FakeImaging
) -> None:
    services = place.services
    few = Thumbnails(services.transactions, services.downloads, imaging, at_once=2, waiting=3)
    stored = [await a_picture(place, ann) for _ in range(7)]
    imaging.hold.clear()
    asking = [asyncio.create_task(few.get(ann, ById(each.id))) for each in stored[:5]]
    await until(lambda: len(few._making) == 5 and imaging.begun == 2)

    with pytest.raises(Unavailable) as refused:
        await few.get(ann, ById(stored[5].id))
    assert refused.value.facts["retry_after"] > 0
    joining = asyncio.create_task(few.get(ann, ById(stored[0].id)))

    imaging.hold.set()
    assert await asyncio.gather(*asking, joining) == [SMALL] * 6
    assert imaging.most == 2
    assert await few.get(ann, ById(stored[6].id)) == SMALL


async def test_a_hundred_are_asked_for_at_once_and_an_upload_is_not_held_up(
    place: Core, ann: Principal, imaging: FakeImaging
) -> None:
    stored = await asyncio.gather(*(a_picture(place, ann) for _ in range(100)))
    imaging.hold.clear()
    asking = [asyncio.create_task(get(place, ann, each)) for each in stored]
    await until(lambda: imaging.begun == AT_ONCE)

    upload = await deeds.deposit(place, ann, deeds.content(3_000_000))
    assert upload.state is State.DETACHED
    assert imaging.begun == AT_ONCE

    imaging.hold.set()
    assert await asyncio.gather(*asking) == [SMALL] * 100
    assert imaging.most == AT_ONCE
    assert len(kept(place)) == 100


async def test_real_ones_are_made_by_few_processes_while_an_upload_goes_on(
    place: Core, ann: Principal
) -> None:
    stored = [await a_picture(place, ann, pictures.noise((400, 300))) for _ in range(8)]
    others = {*psutil.Process().children()}
    asking = asyncio.gather(*(get(place, ann, each) for each in stored))
    children, uploads = [], 0
    while not asking.done():
        await deeds.deposit(place, ann, deeds.content(100_000, uploads))
        uploads += 1
        children.append(len({*psutil.Process().children()} - others))
    assert all(each.media_type == "image/jpeg" for each in await asking)
    assert uploads > 1
    assert 1 <= max(children) <= AT_ONCE
    assert_books_balance(place)


async def test_closing_stops_what_is_being_made(tmp_path: Path) -> None:
    async with core(tmp_path) as place:
        ann = await deeds.principal(place)
        stored = await a_picture(place, ann, pictures.scan_bomb(1000))
        others = {*psutil.Process().children()}
        asking = asyncio.create_task(get(place, ann, stored))
        await until(lambda: {*psutil.Process().children()} - others)
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert {*psutil.Process().children()} == others


async def test_the_operators_limit_is_the_one_that_counts(tmp_path: Path) -> None:
    async with core(tmp_path, thumbnail_max_pixels=1200) as place:
        ann = await deeds.principal(place)
        thumbnails = place.services.thumbnails
        assert thumbnails.offers(await a_picture(place, ann))
        assert not thumbnails.offers(await a_picture(place, ann, picture("jpeg", (41, 30))))
