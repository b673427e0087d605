"""Of the blob store: whether it answers, keeps what it is given, and is the one of this database."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator

from coatcheck.blobs.base import BlobMissing, BlobStore, LocalPath, Remote, new_blob_key
from coatcheck.cli.examining.finding import SLACK, Finding
from coatcheck.cli.tables import amount
from coatcheck.services.bundle import Services

#: Bytes of the probe: more than any setting lets the database keep.
PROBE = 2 * 1024 * 1024


async def blob_store(blobs: BlobStore) -> Finding:
    if isinstance(blobs, Remote):
        await blobs.check()
        return Finding("blob store", "ok", "it answers, and lets us in")
    return Finding("blob store", "ok", "on this machine")


async def blobs(services: Services) -> Finding:
    key = new_blob_key()
    content = [os.urandom(PROBE // 4) for _ in range(4)]

    async def pieces() -> AsyncIterator[bytes]:
        for piece in content:
            yield piece

    read = hashlib.sha256()
    try:
        await services.blobs.put(key, pieces())
        async for piece in services.blobs.read(key):
            read.update(piece)
        stamped = (
            services.blobs.path(key).stat().st_mtime * 1000
            if isinstance(services.blobs, LocalPath)
            else None
        )
    finally:
        await services.blobs.delete(key)
    if read.digest() != hashlib.sha256(b"".join(content)).digest():
        return Finding("blobs", "wrong", "what was stored is not what was read")
    try:
        await services.blobs.size(key)
    except BlobMissing:
        pass
    else:
        return Finding("blobs", "wrong", "what was deleted is still there")
    if stamped is not None and abs(stamped - services.clock.now()) > SLACK:
        return Finding("blobs", "warning", "the disk's clock is not this machine's")
    return Finding("blobs", "ok", f"{amount(PROBE)} were stored, read and removed")


async def pair(services: Services) -> Finding:
    if why := await services.belonging.look():
        return Finding("pair", "wrong", f"{why} If they belong together: `coatcheck blobs adopt`")
    return Finding("pair", "ok", "the blob store is that of this database")
