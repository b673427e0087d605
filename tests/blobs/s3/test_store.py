from __future__ import annotations

import pytest

from coatcheck.blobs.base import RemoteBlobStore
from coatcheck.testing.blob_store import BlobStoreContract


class TestS3BlobStore(BlobStoreContract):
    @pytest.fixture
    def store(self, s3_store: RemoteBlobStore) -> RemoteBlobStore:
        return s3_store
