from __future__ import annotations

import pytest

from coatcheck.blobs.memory import MemoryBlobStore
from coatcheck.testing.blob_store import BlobStoreContract


class TestMemoryBlobStore(BlobStoreContract):
    @pytest.fixture
    def store(self) -> MemoryBlobStore:
        return MemoryBlobStore()
