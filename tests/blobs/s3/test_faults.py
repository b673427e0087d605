"""Between us and the store, anything may break at any byte: what is acknowledged is whole, what is not is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from coatcheck.blobs.base import BlobExists, BlobKey, BlobMissing, RemoteBlobStore, new_blob_key
from coatcheck.domain.errors import Unavailable
from coatcheck.testing.content import listed, pattern, pieces, whole
from tests.engines.proxy import Kind, Proxy, Way

MIB = 1024 * 1024
SMALL = pattern(1, 100_000)
#: Three parts: two of the smallest size that S3 takes, and a rest.
LONG = pattern(2, 12 * MIB + 17)


def cut(content: bytes) -> AsyncIterator[bytes]:
    return pieces(*(content[at : at + MIB] for at in range(0, len(content), MIB)))


async def assert_whole_or_nothing(
    store: RemoteBlobStore, key: BlobKey, content: bytes, put: asyncio.Task[int]
) -> None:
    """Acknowledged is whole; a failure is one that may be tried again, and leaves nothing once the store is reached."""
    error = put.exception()
    if error is None:
        assert put.result() == len(content)
        assert await whole(store, key) == content
        return
    assert isinstance(error, Unavailable)
    assert error.facts["retry_after"] > 0
    with pytest.raises(BlobMissing):
        await store.size(key)


@pytest.mark.parametrize(
    ("way", "at"),
    [
        *(("there", at) for at in (0, 1, 700, 50_000, 100_500)),
        *(("back", at) for at in (0, 1, 100, 350, 600)),
    ],
)
async def test_a_connection_that_breaks_once_costs_a_small_put_nothing(
    through: RemoteBlobStore, proxy: Proxy, way: Way, at: int
):
    await through.check()
    key = new_blob_key()
    proxy.break_at(way, at)
    assert await through.put(key, pieces(SMALL)) == len(SMALL)
    assert proxy.fired == 1
    assert await whole(through, key) == SMALL


@pytest.mark.parametrize(
    ("way", "at"),
    [
        *(("there", at) for at in (0, 5 * MIB, 9 * MIB, len(LONG) + 2500)),
        *(("back", at) for at in (10, 700, 1200, 1900)),
    ],
)
async def test_a_connection_that_breaks_once_costs_a_long_put_nothing(
    through: RemoteBlobStore, proxy: Proxy, way: Way, at: int
):
    await through.check()
    key = new_blob_key()
    proxy.break_at(way, at)
    assert await through.put(key, cut(LONG)) == len(LONG)
    assert proxy.fired == 1
    assert await whole(through, key) == LONG


@pytest.mark.thorough
@pytest.mark.parametrize("way", ["there", "back"])
async def test_wherever_a_put_is_broken_it_is_whole_or_gone(
    through: RemoteBlobStore, proxy: Proxy, way: Way
):
    """One break, a little later each time, until it comes too late."""
    await through.check()
    at = 0
    while True:
        key = new_blob_key()
        proxy.break_at(way, at)
        await through.put(key, pieces(SMALL))
        if not proxy.fired:
            break
        assert await whole(through, key) == SMALL
        at += 25 if way == "back" else 997


@pytest.mark.parametrize("kind", ["cut", "stall"])
@pytest.mark.parametrize(("way", "at"), [("there", 0), ("there", 6 * MIB), ("back", 900)])
async def test_a_store_that_stays_away_is_unavailable_and_nothing_is_acknowledged(
    through: RemoteBlobStore, proxy: Proxy, kind: Kind, way: Way, at: int
):
    await through.check()
    key = new_blob_key()
    proxy.break_at(way, at, kind=kind, every=True)
    put = asyncio.create_task(through.put(key, cut(LONG)))
    await asyncio.wait((put,))
    assert isinstance(put.exception(), Unavailable)
    proxy.heal()
    await assert_whole_or_nothing(through, key, LONG, put)
    assert await through.sweep_leftovers(0) <= 1
    assert await through.sweep_leftovers(0) == 0


async def test_an_answer_that_never_comes_is_not_waited_for(through: RemoteBlobStore, proxy: Proxy):
    key = new_blob_key()
    await through.put(key, pieces(SMALL))
    proxy.break_at("back", 0, kind="stall")
    async with asyncio.timeout(20):
        assert await through.size(key) == len(SMALL)
    assert proxy.fired == 1


@pytest.mark.parametrize("kind", ["cut", "stall"])
@pytest.mark.parametrize("at", [0, 400, 70_000, 7 * MIB])
async def test_a_read_that_breaks_off_goes_on_where_it_was(
    through: RemoteBlobStore, proxy: Proxy, kind: Kind, at: int
):
    key = new_blob_key()
    await through.put(key, cut(LONG))
    proxy.break_at("back", at, kind=kind)
    assert await whole(through, key, 100, len(LONG) - 100) == LONG[100:-100]
    assert proxy.fired == 1


async def test_a_read_that_cannot_go_on_is_an_error_and_never_a_short_end(
    through: RemoteBlobStore, proxy: Proxy
):
    key = new_blob_key()
    await through.put(key, cut(LONG))
    proxy.break_at("back", 3 * MIB, every=True)
    got = bytearray()

    async def read() -> None:
        async for piece in through.read(key):
            got.extend(piece)

    with pytest.raises(Unavailable):
        await read()
    assert 0 < len(got) < len(LONG)
    assert LONG.startswith(got)


async def test_a_used_key_is_still_told_from_a_retry_of_our_own(
    through: RemoteBlobStore, proxy: Proxy
):
    """The answer to a put is lost: its retry finds the key used, by itself or by somebody else."""
    await through.check()
    mine, taken = new_blob_key(), new_blob_key()
    await through.put(taken, pieces(b"the first"))
    proxy.break_at("back", 0)
    assert await through.put(mine, pieces(SMALL)) == len(SMALL)
    proxy.break_at("back", 0)
    with pytest.raises(BlobExists):
        await through.put(taken, pieces(b"the second"))
    assert proxy.fired == 1
    assert await whole(through, taken) == b"the first"
    assert set(await listed(through)) == {mine, taken}
