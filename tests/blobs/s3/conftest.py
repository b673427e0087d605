from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from coatcheck.blobs import open_store
from coatcheck.blobs.backoff import Backoff
from coatcheck.blobs.base import RemoteBlobStore
from coatcheck.blobs.retrying import RetryingBlobStore
from coatcheck.blobs.s3.address import parse_address
from coatcheck.blobs.s3.connection import Connection
from coatcheck.blobs.s3.store import S3BlobStore
from tests.engines.proxy import Proxy, proxied
from tests.engines.seaweed import s3_url, shared_endpoint, url

Opens = Callable[[str], S3BlobStore]


@pytest.fixture
async def s3_store() -> AsyncIterator[RemoteBlobStore]:
    """As a server opens it, in an empty place."""
    store = open_store(s3_url("blobs"))
    assert isinstance(store, RetryingBlobStore)
    yield store
    await store.close()


@pytest.fixture
async def opens() -> AsyncIterator[Opens]:
    """Opens a store that loses no time between attempts, and takes every idle upload for abandoned."""
    opened: list[S3BlobStore] = []

    def opens(url: str) -> S3BlobStore:
        address = parse_address(url)
        store = S3BlobStore(
            address, Connection(address), Backoff(attempts=3, first=0.01), abandoned=0
        )
        opened.append(store)
        return store

    yield opens
    for store in opened:
        await store.close()


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    """Between us and the store that all tests share."""
    s3_url("proxy")  # for its credentials
    async with proxied(shared_endpoint()) as proxy:
        yield proxy


@pytest.fixture
def through(opens: Opens, proxy: Proxy) -> RemoteBlobStore:
    """A store with parts as small as may be, behind the proxy; its time-out is a second."""
    address = url(proxy.endpoint, "through", part_size=5 * 1024 * 1024, timeout=1)
    return RetryingBlobStore(opens(address), Backoff(first=0.01))
