from __future__ import annotations

from pathlib import Path

import pytest

from coatcheck.blobs import STORES, open_store
from coatcheck.blobs.base import LocalPath, Presigns, Remote, SweepsLeftovers, new_blob_key
from coatcheck.blobs.filesystem import FilesystemBlobStore
from coatcheck.blobs.memory import MemoryBlobStore
from coatcheck.blobs.retrying import RetryingBlobStore
from coatcheck.testing.content import pieces, whole


async def test_a_file_url_opens_a_store_below_that_directory(tmp_path: Path):
    root = tmp_path / "a place"
    store = open_store(root.as_uri())
    assert isinstance(store, FilesystemBlobStore)
    key = new_blob_key()
    await store.put(key, pieces(b"coat"))
    assert store.path(key).is_relative_to(root)
    assert store.path(key).read_bytes() == b"coat"


async def test_every_memory_store_is_another_one():
    store = open_store("memory:")
    assert isinstance(store, MemoryBlobStore)
    key = new_blob_key()
    await store.put(key, pieces(b"coat"))
    assert await whole(store, key) == b"coat"
    assert [found async for found in open_store("memory:").keys()] == []  # noqa: SIM118


def test_only_a_store_of_files_has_paths_and_leftovers(tmp_path: Path):
    assert isinstance(open_store(tmp_path.as_uri()), LocalPath)
    assert isinstance(open_store(tmp_path.as_uri()), SweepsLeftovers)
    assert not isinstance(open_store("memory:"), LocalPath)
    assert not isinstance(open_store("memory:"), SweepsLeftovers)


def test_a_store_behind_a_network_is_asked_again_and_can_presign():
    store = open_store("s3://bucket/prefix")
    assert isinstance(store, RetryingBlobStore)
    for ability in (Remote, Presigns, SweepsLeftovers):
        assert isinstance(store, ability)
    assert not isinstance(store, LocalPath)


@pytest.mark.parametrize("url", ["", "/srv/blobs", "ftp://host/blobs", "File-s3:x"])
def test_a_url_nobody_serves_is_refused_with_the_schemes_there_are(url: str):
    with pytest.raises(ValueError, match=r"known are: .*file.*memory"):
        open_store(url)


def test_what_is_secret_in_a_refused_url_is_not_repeated():
    with pytest.raises(ValueError, match="ftp") as caught:
        open_store("ftp://user:hunter2@host/blobs")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "file:",
        "file:relative",
        "file://relative/path",
        "file:///",
        "file:////",
        "file:///srv/..",
        "file:///srv/blobs?fsync=no",
        "file:///srv/blobs#x",
        "memory://host",
        "memory:name",
    ],
)
def test_a_url_its_store_cannot_accept_is_refused(url: str):
    with pytest.raises(ValueError, match=r"directory|memory"):
        open_store(url)


def test_every_scheme_names_an_opener():
    assert all(scheme.islower() and ":" in opener for scheme, opener in STORES.items())
