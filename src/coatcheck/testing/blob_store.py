"""What every blob store is held to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import aclosing
from typing import Any, cast

import pytest

from coatcheck.blobs.base import BlobExists, BlobKey, BlobMissing, BlobStore, new_blob_key
from coatcheck.testing.content import listed, pattern, pieces, put_was_cancelled, whole

#: Longer than any store's own batch or part, and no multiple of one.
LONG = 3 * 1024 * 1024 + 17

ILLEGAL_KEYS = [
    *("", ".."),
    "../" * 8 + "etc/passwd",
    "ab/" + "0" * 29,
    *("0" * 31, "0" * 33),
    *("A" * 32, "g" * 32),
    "0" * 31 + "\n",
    "0" * 31 + "\0",
    "٠" * 32,
]


class BlobStoreContract:
    """Inherit it, with a fixture `store` that gives an empty store.

        class TestMyStore(BlobStoreContract):
            @pytest.fixture
            def store(self) -> MyStore:
                return MyStore(...)

    Runs under pytest-asyncio in mode "auto", or with a mark `asyncio` on the inheriting class.
    """

    async def test_what_was_put_is_read_back(self, store: BlobStore) -> None:
        key = new_blob_key()
        assert await store.put(key, pieces(b"coat", b"", b"check")) == 9
        assert await whole(store, key) == b"coatcheck"
        assert await store.size(key) == 9

    async def test_a_blob_may_be_empty(self, store: BlobStore) -> None:
        key = new_blob_key()
        assert await store.put(key, pieces()) == 0
        assert await whole(store, key) == b""
        assert await store.size(key) == 0
        assert await listed(store) == [key]

    async def test_a_long_blob_is_read_back_however_it_was_cut(self, store: BlobStore) -> None:
        content = pattern(1, LONG)
        for cut in (4093, 1024 * 1024, LONG):
            parts = [content[at : at + cut] for at in range(0, LONG, cut)]
            key = new_blob_key()
            assert await store.put(key, pieces(*parts)) == LONG
            assert await whole(store, key) == content

    async def test_very_many_tiny_pieces_make_one_blob(self, store: BlobStore) -> None:
        content = pattern(1, 5000)
        key = new_blob_key()
        await store.put(key, pieces(*(content[at : at + 1] for at in range(len(content)))))
        assert await whole(store, key) == content

    async def test_a_buffer_its_sender_uses_again_is_kept_as_it_was_when_handed_over(
        self, store: BlobStore
    ) -> None:
        async def one_buffer_for_all() -> AsyncIterator[bytes]:
            buffer = bytearray(1024 * 1024)
            for number in range(4):
                buffer[:] = bytes([number]) * len(buffer)
                yield cast(bytes, buffer)

        key = new_blob_key()
        await store.put(key, one_buffer_for_all())
        expected = b"".join(bytes([number]) * 1024 * 1024 for number in range(4))
        assert await whole(store, key) == expected

    @pytest.mark.parametrize(
        ("start", "stop"),
        [
            (0, None),
            (0, 1),
            (1, 2),
            (5, 5),
            (LONG - 1, None),
            (LONG - 1, LONG),
            (1024 * 1024 - 1, 2 * 1024 * 1024 + 1),
            (LONG, None),
            (LONG - 5, LONG + 5),
            (LONG + 5, LONG + 9),
        ],
    )
    async def test_a_range_is_the_bytes_of_it_that_there_are(
        self, store: BlobStore, start: int, stop: int | None
    ) -> None:
        content = pattern(1, LONG)
        key = new_blob_key()
        await store.put(key, pieces(content))
        assert await whole(store, key, start, stop) == content[start:stop]

    @pytest.mark.parametrize(("start", "stop"), [(-1, None), (2, 1), (0, -1)])
    async def test_a_range_that_cannot_be_is_refused(
        self, store: BlobStore, start: int, stop: int | None
    ) -> None:
        key = new_blob_key()
        await store.put(key, pieces(b"coatcheck"))
        with pytest.raises(ValueError, match="range"):
            await whole(store, key, start, stop)

    async def test_no_piece_that_is_read_is_empty(self, store: BlobStore) -> None:
        key, empty = new_blob_key(), new_blob_key()
        await store.put(key, pieces(pattern(1, LONG)))
        await store.put(empty, pieces())
        assert all([len(piece) > 0 async for piece in store.read(key)])
        assert [piece async for piece in store.read(key, 7, 7)] == []
        assert [piece async for piece in store.read(empty)] == []

    async def test_what_was_never_put_is_missing(self, store: BlobStore) -> None:
        key = new_blob_key()
        with pytest.raises(BlobMissing):
            await anext(aiter(store.read(key)))
        with pytest.raises(BlobMissing):
            await store.size(key)

    async def test_a_used_key_is_refused_and_its_blob_stays_as_it_was(
        self, store: BlobStore
    ) -> None:
        key = new_blob_key()
        await store.put(key, pieces(b"the first"))
        with pytest.raises(BlobExists):
            await store.put(key, pieces(b"the second, which is longer"))
        assert await whole(store, key) == b"the first"

    async def test_of_many_racing_for_one_key_one_is_stored_whole(self, store: BlobStore) -> None:
        key = new_blob_key()
        contents = [pattern(number, 100_000 + number) for number in range(8)]
        outcomes = await asyncio.gather(
            *(store.put(key, pieces(content[:9], content[9:])) for content in contents),
            return_exceptions=True,
        )
        winners = [place for place, outcome in enumerate(outcomes) if isinstance(outcome, int)]
        assert len(winners) == 1
        assert sum(isinstance(outcome, BlobExists) for outcome in outcomes) == 7
        assert await whole(store, key) == contents[winners[0]]

    @pytest.mark.parametrize("size", [0, 10, LONG])
    async def test_an_error_of_the_sender_comes_out_unchanged_and_leaves_nothing(
        self, store: BlobStore, size: int
    ) -> None:
        error = ConnectionResetError("the sender hung up")

        async def breaking_off() -> AsyncIterator[bytes]:
            for at in range(0, size, 1024 * 1024):
                yield bytes(min(1024 * 1024, size - at))
            raise error

        key = new_blob_key()
        with pytest.raises(ConnectionResetError) as caught:
            await store.put(key, breaking_off())
        assert caught.value is error
        await self.assert_nothing_is_left(store, key)

    @pytest.mark.parametrize("size", [0, 10, LONG])
    async def test_a_put_cancelled_while_it_waits_for_bytes_leaves_nothing(
        self, store: BlobStore, size: int
    ) -> None:
        silent = asyncio.Event()

        async def falling_silent() -> AsyncIterator[bytes]:
            for at in range(0, size, 1024 * 1024):
                yield bytes(min(1024 * 1024, size - at))
            silent.set()
            await asyncio.Event().wait()

        key = new_blob_key()
        put = asyncio.create_task(store.put(key, falling_silent()))
        await silent.wait()
        put.cancel()
        with pytest.raises(asyncio.CancelledError):
            await put
        await self.assert_nothing_is_left(store, key)

    async def test_a_put_cancelled_at_any_later_point_stores_all_or_nothing(
        self, store: BlobStore
    ) -> None:
        """The cancellation comes one turn of the loop later each time, until it comes too late."""
        content = pattern(1, 100_000)
        key, turns = new_blob_key(), 0
        while await put_was_cancelled(store, key, content, turns):
            await self.assert_nothing_is_left(store, key)
            key, turns = new_blob_key(), turns * 2 or 1
        assert await whole(store, key) == content

    async def test_a_put_that_failed_does_not_stand_in_the_way_of_the_next(
        self, store: BlobStore
    ) -> None:
        async def breaking_off() -> AsyncIterator[bytes]:
            yield b"half"
            raise EOFError

        key = new_blob_key()
        with pytest.raises(EOFError):
            await store.put(key, breaking_off())
        assert await store.put(key, pieces(b"whole")) == 5
        assert await whole(store, key) == b"whole"

    async def test_parallel_puts_do_not_mix(self, store: BlobStore) -> None:
        keys = [new_blob_key() for _ in range(32)]
        contents = [pattern(number, 150_000 + number) for number in range(32)]

        async def put(key: BlobKey, content: bytes) -> None:
            parts = (content[at : at + 4096] for at in range(0, len(content), 4096))
            await store.put(key, pieces(*parts))

        await asyncio.gather(*map(put, keys, contents))
        for key, content in zip(keys, contents, strict=True):
            assert await whole(store, key) == content

    async def test_parallel_readers_do_not_disturb_each_other(self, store: BlobStore) -> None:
        content = pattern(1, LONG)
        await store.put(key := new_blob_key(), pieces(content))
        starts = range(0, LONG, LONG // 10)
        read = await asyncio.gather(*(whole(store, key, start) for start in starts))
        assert read == [content[start:] for start in starts]

    async def test_a_reader_may_stop_early(self, store: BlobStore) -> None:
        key = new_blob_key()
        await store.put(key, pieces(pattern(1, LONG)))
        async with aclosing(cast(Any, store.read(key))) as reading:
            assert await anext(reading)
        assert await store.size(key) == LONG

    async def test_a_deleted_blob_is_gone_and_may_be_deleted_again(self, store: BlobStore) -> None:
        key, other = new_blob_key(), new_blob_key()
        await store.put(key, pieces(b"gone"))
        await store.put(other, pieces(b"stays"))
        await store.delete(key)
        await self.assert_nothing_is_left(store, key)
        await store.delete(key)
        assert await whole(store, other) == b"stays"

    async def test_deleting_what_was_never_there_is_fine(self, store: BlobStore) -> None:
        await store.delete(new_blob_key())

    async def test_keys_are_all_those_stored(self, store: BlobStore) -> None:
        assert await listed(store) == []
        stored = {new_blob_key() for _ in range(20)}
        for key in stored:
            await store.put(key, pieces(b"x"))
        found = await listed(store)
        assert len(found) == 20
        assert set(found) == stored

    async def test_keys_are_found_by_their_prefix(self, store: BlobStore) -> None:
        stored = [BlobKey(start.ljust(32, "0")) for start in ("ab1", "ab2", "ac1", "b")]
        for key in stored:
            await store.put(key, pieces(b"x"))

        assert set(await listed(store, "a")) == set(stored[:3])
        assert set(await listed(store, "ab")) == set(stored[:2])
        assert await listed(store, "ab2") == [stored[1]]
        assert await listed(store, stored[3]) == [stored[3]]
        for nobody in ("c", "../", "AB", stored[3] + "0"):
            assert await listed(store, nobody) == []

    @pytest.mark.parametrize("key", ILLEGAL_KEYS, ids=ascii)
    async def test_a_key_of_another_form_is_refused_everywhere(
        self, store: BlobStore, key: str
    ) -> None:
        illegal = BlobKey(key)
        for deed in (
            store.put(illegal, _untouchable()),
            whole(store, illegal),
            store.size(illegal),
            store.delete(illegal),
        ):
            with pytest.raises(ValueError, match="key"):
                await deed
        assert await listed(store) == []

    async def assert_nothing_is_left(self, store: BlobStore, key: BlobKey) -> None:
        """Override it, and call it, where a store can leave more behind than a blob."""
        with pytest.raises(BlobMissing):
            await store.size(key)
        with pytest.raises(BlobMissing):
            await whole(store, key)
        assert key not in await listed(store)


def _untouchable() -> AsyncIterable[bytes]:
    class Untouchable:
        def __aiter__(self) -> AsyncIterator[bytes]:
            raise AssertionError("a refused key must not cost a byte")

    return Untouchable()
