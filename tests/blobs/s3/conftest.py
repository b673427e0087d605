from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from coatcheck.blobs import open_store
from coatcheck.blobs.base import RemoteBlobStore
from coatcheck.blobs.retrying import RetryingBlobStore
from tests.engines.seaweed import s3_url


@pytest.fixture
async def s3_store() -> AsyncIterator[RemoteBlobStore]:
    """As a server opens it, in an empty place."""
    store = open_store(s3_url("blobs", part_size=5 * 1024 * 1024))
    assert isinstance(store, RetryingBlobStore)
    yield store
    await store.close()
