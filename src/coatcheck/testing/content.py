"""Content for blob stores under test, and what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from coatcheck.blobs.base import BlobKey, BlobStore


async def whole(store: BlobStore, key: BlobKey, start: int = 0, stop: int | None = None) -> bytes:
    """The bytes a store yields for [start, stop), joined."""
    return b"".join([piece async for piece in store.read(key, start, stop)])


async def listed(store: BlobStore, prefix: str = "") -> list[BlobKey]:
    """The keys a store lists."""
    keys = store.keys(prefix)
    return [key async for key in keys]


async def pieces(*content: bytes) -> AsyncIterator[bytes]:
    """The given pieces, with other tasks having their turn before each."""
    for piece in content:
        await asyncio.sleep(0)
        yield piece


def pattern(number: int, size: int) -> bytes:
    """Bytes that tell from every place which number they were made of."""
    return (f"{number:015d}|".encode() * (size // 16 + 1))[:size]


async def put_was_cancelled(store: BlobStore, key: BlobKey, content: bytes, turns: int) -> bool:
    """Put it, and cancel that so many turns of the loop after it was handed over. False where that came too late."""
    handed_over = asyncio.Event()

    async def telling() -> AsyncIterator[bytes]:
        yield content
        handed_over.set()

    put = asyncio.create_task(store.put(key, telling()))
    await handed_over.wait()
    for _ in range(turns):
        await asyncio.sleep(0)
    put.cancel()
    try:
        await put
    except asyncio.CancelledError:
        return True
    return False
