"""The store is killed, or we are: what was acknowledged is there afterwards, and what was not can be swept away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from coatcheck.blobs.base import BlobKey, BlobMissing, new_blob_key
from coatcheck.blobs.s3.store import S3BlobStore
from coatcheck.domain.errors import Unavailable
from coatcheck.testing.content import listed, pattern, pieces, put_was_cancelled, whole
from tests.blobs.s3.conftest import Opens
from tests.engines.seaweed import own_weed, s3_url

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client

MIB = 1024 * 1024
LONG = pattern(1, 12 * MIB)


async def begin(store: S3BlobStore, key: BlobKey) -> str:
    """What a process leaves behind that dies right after it began a multipart upload, and has sent a part."""

    async def begin(client: S3Client) -> str:
        name = store._name(key)
        begun = await client.create_multipart_upload(Bucket=store._bucket, Key=name)
        await client.upload_part(
            Bucket=store._bucket, Key=name, UploadId=begun["UploadId"], PartNumber=1, Body=b"part"
        )
        return str(begun["UploadId"])

    return await store._connection.ask(begin)


async def test_what_was_acknowledged_survives_a_store_that_is_killed_in_the_middle_of_another_upload(
    tmp_path: Path, opens: Opens
):
    with own_weed(tmp_path / "weed") as weed:
        store = opens(weed.url("killed", part_size=5 * MIB, timeout=2))
        small, long, cut_off = new_blob_key(), new_blob_key(), new_blob_key()
        await store.put(small, pieces(b"small"))
        await store.put(long, pieces(LONG))

        async def halfway() -> AsyncIterator[bytes]:
            for at in range(0, 11 * MIB, MIB):
                yield LONG[at : at + MIB]
            weed.kill()
            yield LONG[11 * MIB :]

        with pytest.raises(Unavailable) as caught:
            await store.put(cut_off, halfway())
        assert caught.value.facts["retry_after"] > 0
        with pytest.raises(Unavailable):
            await store.size(small)

        weed.start()
        assert await whole(store, small) == b"small"
        assert await whole(store, long) == LONG
        assert set(await listed(store)) == {small, long}
        assert await store.sweep_leftovers(0) == 1
        assert await store.sweep_leftovers(0) == 0
        await store.put(cut_off, pieces(LONG))
        assert await whole(store, cut_off) == LONG


async def test_a_store_that_stands_still_is_unavailable_and_serves_again_when_it_goes_on(
    tmp_path: Path, opens: Opens
):
    with own_weed(tmp_path / "weed") as weed:
        store = opens(weed.url("stalled", timeout=1))
        key = new_blob_key()
        await store.put(key, pieces(b"coat"))
        weed.stall()
        with pytest.raises(Unavailable):
            await store.size(key)
        with pytest.raises(Unavailable):
            await store.put(new_blob_key(), pieces(b"check"))
        weed.resume()
        assert await whole(store, key) == b"coat"


async def test_an_upload_that_nobody_completed_is_swept_when_it_has_been_idle_for_long(
    opens: Opens,
):
    store = opens(s3_url("abandoned"))
    key = new_blob_key()
    await begin(store, key)
    assert await store.sweep_leftovers(3600) == 0
    assert await store.sweep_leftovers(0) == 1
    assert await store.sweep_leftovers(0) == 0
    assert await listed(store) == []


async def test_a_day_has_to_pass_before_an_upload_counts_as_abandoned():
    from coatcheck.blobs.s3 import open_s3

    store = open_s3(s3_url("young"))
    await begin(store, new_blob_key())
    assert await store.sweep_leftovers(0) == 0
    await store.close()


async def test_uploads_that_are_not_ours_are_left_alone(opens: Opens):
    ours = opens(s3_url("ours"))
    other = opens(s3_url("others"))
    await begin(other, new_blob_key())

    async def strange(client: S3Client) -> None:
        await client.create_multipart_upload(
            Bucket=ours._bucket, Key=ours._address.prefix + "not-a-blob"
        )

    await ours._connection.ask(strange)
    assert await ours.sweep_leftovers(0) == 0
    assert await other.sweep_leftovers(0) == 1


@pytest.mark.parametrize("sent", [3, 7, 11])
async def test_a_long_put_that_is_cancelled_leaves_no_upload_behind(opens: Opens, sent: int):
    store = opens(s3_url("cancelled", part_size=5 * MIB))
    silent = asyncio.Event()

    async def falling_silent() -> AsyncIterator[bytes]:
        for at in range(sent):
            yield LONG[at * MIB : (at + 1) * MIB]
        silent.set()
        await asyncio.Event().wait()

    key = new_blob_key()
    put = asyncio.create_task(store.put(key, falling_silent()))
    await silent.wait()
    put.cancel()
    with pytest.raises(asyncio.CancelledError):
        await put
    with pytest.raises(BlobMissing):
        await store.size(key)
    assert await store.sweep_leftovers(0) == 0


async def test_a_long_put_that_is_cancelled_at_any_later_point_stores_all_or_nothing(opens: Opens):
    """The cancellation comes a while later each time, until it comes too late."""
    store = opens(s3_url("cancelled", part_size=5 * MIB))
    key, turns = new_blob_key(), 1
    while await put_was_cancelled(store, key, LONG, turns):
        assert await listed(store) == []
        assert await store.sweep_leftovers(0) == 0
        key, turns = new_blob_key(), turns * 4
    assert await whole(store, key) == LONG
