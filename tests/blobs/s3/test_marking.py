"""What lies beside the blobs of an S3 store: its mark, and what was put out of the way. None of it is a blob."""

from __future__ import annotations

import pytest

from coatcheck.blobs.base import BlobMissing, Marked, Quarantines, RemoteBlobStore, new_blob_key
from coatcheck.testing.content import listed, pieces


async def test_a_mark_is_left_once_and_replaced_only_when_that_is_meant(s3_store: RemoteBlobStore):
    assert isinstance(s3_store, Marked)
    assert await s3_store.marker() is None
    assert await s3_store.mark("one") == "one"
    assert await s3_store.mark("two") == "one"
    assert await s3_store.mark("two", anew=True) == "two"
    assert await s3_store.marker() == "two"
    assert await listed(s3_store) == []


async def test_what_is_put_aside_is_no_blob_any_more(s3_store: RemoteBlobStore):
    assert isinstance(s3_store, Quarantines)
    key = new_blob_key()
    await s3_store.put(key, pieces(b"perhaps the only copy"))
    assert (await s3_store.set_aside(key)).endswith(f"/lost+found/{key}")
    assert await listed(s3_store) == []
    with pytest.raises(BlobMissing):
        await s3_store.size(key)
    with pytest.raises(BlobMissing):
        await s3_store.set_aside(key)
