"""Bytes: stores of blobs, each opened by a URL whose scheme names the kind. They know no attachment."""

from __future__ import annotations

from importlib import import_module
from typing import cast
from urllib.parse import urlsplit

from coatcheck.blobs.backoff import Backoff
from coatcheck.blobs.base import BlobStore, RemoteBlobStore
from coatcheck.blobs.retrying import RetryingBlobStore

#: scheme -> "module:opener". A store is imported when a URL asks for it, and its libraries with it.
STORES: dict[str, str] = {
    "file": "coatcheck.blobs.filesystem:open_filesystem",
    "memory": "coatcheck.blobs.memory:open_memory",
    "s3": "coatcheck.blobs.s3:open_s3",
}

#: Those behind a network, where what fails may succeed a moment later.
REMOTE = {"s3"}


def open_store(url: str) -> BlobStore:
    """The store a URL names: `file:///absolute/directory`, `s3://bucket/prefix` or `memory:`.

    Raises ValueError for a scheme nobody serves and for a URL its store cannot accept, ImportError where the store's
    libraries are not installed.
    """
    scheme = urlsplit(url).scheme
    if scheme not in STORES:
        known = ", ".join(sorted(STORES))
        raise ValueError(f"no blob store serves the scheme {scheme!r}; known are: {known}")
    module, _, opener = STORES[scheme].partition(":")
    store = getattr(import_module(module), opener)(url)
    if scheme in REMOTE:
        return RetryingBlobStore(cast(RemoteBlobStore, store), Backoff())
    return cast(BlobStore, store)
