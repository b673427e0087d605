"""Uploads that are begun before their bytes: what a crash leaves, who wins a race, what is counted."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from coatcheck.domain.attachment import Attachment
from coatcheck.domain.claim import ById, ByPublicId
from coatcheck.domain.digest import SHA256, Digest
from coatcheck.domain.errors import DigestMismatch, Gone, Incomplete, NotFound
from coatcheck.domain.lifecycle import State
from coatcheck.domain.principal import Principal
from coatcheck.services.commands import Begin
from coatcheck.services.direct_uploads import Begun
from tests import deeds
from tests.books import assert_books_balance
from tests.core import Core, core, lay_out
from tests.engines import seaweed

CONTENT = bytes(range(250)) * 10
HOUR = 3600


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Core]:
    """An installation whose bytes are in S3."""
    async with on_s3(tmp_path / "data") as opened:
        yield opened
        assert_books_balance(opened)


def on_s3(data_dir: Path, **settings: Any) -> Any:
    lay_out(data_dir)
    kept = data_dir / "blobs.url"
    if not kept.exists():
        kept.write_text(seaweed.s3_url("direct"))
    return core(data_dir, blobs_url=kept.read_text(), **deeds.BLOBS_ABOVE_1000, **settings)


async def begin(place: Core, caller: Principal, **more: Any) -> ByPublicId:
    fields: dict[str, Any] = {"size": len(CONTENT), "part_size": 1000, **more}
    command = Begin(
        caller=caller,
        dialect="native",
        name="film.mp4",
        media_type="video/mp4",
        max_size=10**9,
        window=24 * HOUR * 1000,
        **fields,
    )
    return ByPublicId(await place.services.direct_uploads.begin(command))


async def find(place: Core, caller: Principal, upload: ByPublicId) -> Begun:
    return await place.services.direct_uploads.find(caller, "native", upload)


async def store(place: Core, caller: Principal, upload: ByPublicId) -> None:
    """All that is missing, by the requests that are offered for it."""
    begun = await find(place, caller, upload)
    sizes = {span.start: span.size for span in begun.missing()}
    async with httpx.AsyncClient() as client:
        for start, offer in (await place.services.direct_uploads.offers(begun)).items():
            request = offer.request
            piece = CONTENT[start : start + sizes[start]]
            sent = await client.request(
                request.method, request.url, headers=request.headers, content=piece
            )
            assert sent.is_success


async def completing(place: Core, caller: Principal, upload: ByPublicId) -> Attachment:
    return await place.services.direct_uploads.complete(caller, "native", upload, 24 * HOUR * 1000)


async def held(place: Core, caller: Principal) -> tuple[int, int, int]:
    async with place.services.transactions.read() as facts:
        usage = await facts.quotas.usage(caller.id)
    return usage.used, usage.reserved, usage.attachments


async def test_of_many_that_complete_at_once_all_are_told_the_same(place: Core, ann: Principal):
    upload = await begin(place, ann)
    await store(place, ann, upload)
    made = await asyncio.gather(*(completing(place, ann, upload) for _ in range(5)))
    assert len({attachment.id for attachment in made}) == 1
    assert await held(place, ann) == (2500, 0, 1)


async def test_what_is_announced_is_compared_with_the_bytes(place: Core, ann: Principal):
    right = Digest(SHA256, hashlib.sha256(CONTENT).hexdigest())
    wrong = Digest(SHA256, "0" * 64)
    for digest in (right, wrong):
        upload = await begin(place, ann, expected=(digest,))
        await store(place, ann, upload)
        if digest is wrong:
            with pytest.raises(DigestMismatch):
                await completing(place, ann, upload)
        else:
            assert (await completing(place, ann, upload)).digests[SHA256] == right.hex


async def test_every_key_is_on_record_before_it_is_told(place: Core, ann: Principal):
    """What a crash leaves between the two is swept."""
    upload = await begin(place, ann)
    begun = await find(place, ann, upload)
    offers = await place.services.direct_uploads.offers(begun)
    keys = [offer.request.url.partition("?")[0].rpartition("/")[2] for offer in offers.values()]
    async with place.services.transactions.read() as facts:
        assert await facts.intents.known(keys) == set(keys)
    place.clock.advance(25 * HOUR)
    await place.services.reaping.sweep()
    async with place.services.transactions.read() as facts:
        assert await facts.intents.known(keys) == set()
    assert await held(place, ann) == (0, 0, 0)
    assert_books_balance(place, settled=True)


async def test_after_a_restart_it_goes_on(tmp_path: Path):
    async with on_s3(tmp_path / "data") as place:
        ann = await deeds.principal(place)
        upload = await begin(place, ann)
        await store(place, ann, upload)
    async with on_s3(tmp_path / "data") as place:
        ann = await deeds.principal(place)
        made = await completing(place, ann, upload)
        assert await deeds.bytes_of(place, ann, ById(made.id)) == CONTENT
        assert_books_balance(place)


async def test_a_sweep_and_a_completion_at_once_lose_nothing_that_was_acknowledged(
    place: Core, ann: Principal
):
    for _ in range(5):
        upload = await begin(place, ann)
        await store(place, ann, upload)
        place.clock.advance(2 * HOUR + 1)  # the leases have just run out
        completion, _swept = await asyncio.gather(
            completing(place, ann, upload),
            place.services.reaping.sweep(),
            return_exceptions=True,
        )
        if isinstance(completion, BaseException):
            assert isinstance(completion, Incomplete)
            await store(place, ann, upload)
        made = await completing(place, ann, upload)
        assert await deeds.bytes_of(place, ann, made) == CONTENT
        await place.services.deleting.delete(ann, ById(made.id), {made.state})


async def test_what_is_abandoned_is_offered_no_more(place: Core, ann: Principal):
    upload = await begin(place, ann)
    begun = await find(place, ann, upload)
    await place.services.direct_uploads.abandon(ann, "native", upload)
    with pytest.raises(Gone):
        await place.services.direct_uploads.offers(begun)
    with pytest.raises(NotFound):
        await find(place, ann, upload)
    assert await held(place, ann) == (0, 0, 0)


@pytest.mark.parametrize("completed", [False, True])
async def test_what_may_still_be_stored_is_set_aside_until_it_cannot_be_any_more(
    completed: bool, place: Core, ann: Principal
):
    """Else whoever ends one upload after another could fill the store through the URLs of all of them."""
    upload = await begin(place, ann)
    if completed:
        await store(place, ann, upload)
        made = await completing(place, ann, upload)
        await place.services.deleting.delete(ann, ById(made.id), [State.DETACHED])
    else:
        await place.services.direct_uploads.offers(await find(place, ann, upload))
        await place.services.direct_uploads.abandon(ann, "native", upload)
    assert await held(place, ann) == (0, len(CONTENT), 0)
    assert_books_balance(place)
    place.clock.advance(3 * HOUR)
    await place.services.reaping.sweep()
    assert await held(place, ann) == (0, 0, 0)


async def test_fresh_permission_keeps_the_key_and_its_lease_ahead(place: Core, ann: Principal):
    upload = await begin(place, ann)
    begun = await find(place, ann, upload)
    first = await place.services.direct_uploads.offers(begun)
    place.clock.advance(1.5 * HOUR)
    second = await place.services.direct_uploads.offers(begun)
    assert {start: path(offer) for start, offer in first.items()} == {
        start: path(offer) for start, offer in second.items()
    }
    place.clock.advance(1.5 * HOUR)  # past the first leases, within the second
    await place.services.reaping.sweep()
    await store(place, ann, upload)
    assert (await completing(place, ann, upload)).size == len(CONTENT)


async def test_of_many_parts_a_hundred_are_offered_at_a_time(place: Core, ann: Principal):
    upload = await begin(place, ann, part_size=10)
    begun = await find(place, ann, upload)
    offered = await place.services.direct_uploads.offers(begun)
    assert sorted(offered) == list(range(0, 1000, 10))
    await store(place, ann, upload)
    begun = await find(place, ann, upload)
    assert begun.upload.received == 1000
    assert min(await place.services.direct_uploads.offers(begun)) == 1000


async def test_parts_that_nobody_has_hashed_move_to_another_store(tmp_path: Path):
    async with on_s3(tmp_path / "data") as place:
        ann = await deeds.principal(place)
        upload = await begin(place, ann)
        await store(place, ann, upload)
        made = await completing(place, ann, upload)
        old = place.settings.blobs_url
    settings = {"blobs_url": (tmp_path / "new").as_uri(), **deeds.BLOBS_ABOVE_1000}
    async with core(tmp_path / "data", blobs_from=old, **settings) as place:
        ann = await deeds.principal(place)
        begun = await find(place, ann, await begin(place, ann))
        assert await place.services.direct_uploads.offers(begun) == {}
        assert place.services.moving
        moved = await place.services.moving.move(asyncio.Event(), lambda _moved: None)
        assert (moved.blobs, moved.failures) == (3, [])
        assert await deeds.bytes_of(place, ann, ById(made.id)) == CONTENT


def path(offer: Any) -> str:
    return str(offer.request.url.partition("?")[0])
