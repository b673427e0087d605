"""What is wrong with address or credentials is said at the start, in words, and without secrets."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from coatcheck.blobs.base import StoreRefuses, new_blob_key
from coatcheck.bootstrap import CannotOpen, check_blobs
from coatcheck.domain.errors import Unavailable
from coatcheck.testing.content import pieces
from tests.blobs.s3.conftest import Opens
from tests.core import core
from tests.engines.seaweed import SECRET_KEY, s3_url, shared_endpoint


async def test_a_store_that_lets_us_in_passes(opens: Opens):
    await opens(s3_url("fine")).check()


async def test_a_bucket_that_is_not_there_is_named(opens: Opens):
    s3_url("nothing")
    store = opens(f"s3://no-such-bucket?endpoint={shared_endpoint()}&region=us-east-1")
    with pytest.raises(StoreRefuses, match="no bucket 'no-such-bucket'"):
        await store.check()
    with pytest.raises(StoreRefuses):
        await store.put(new_blob_key(), pieces(b"x"))


async def test_wrong_credentials_are_refused_and_not_told(
    opens: Opens, monkeypatch: pytest.MonkeyPatch
):
    store = opens(s3_url("locked"))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY + "x")
    with pytest.raises(StoreRefuses, match="does not let these credentials") as caught:
        await store.check()
    for told in (str(caught.value), str(caught.value.__cause__)):
        assert SECRET_KEY not in told
    with pytest.raises(StoreRefuses):
        await store.put(new_blob_key(), pieces(b"x"))
    with pytest.raises(StoreRefuses):
        await store.size(new_blob_key())


async def test_no_credentials_at_all_are_told_apart(
    opens: Opens, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    store = opens(s3_url("bare"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    with pytest.raises(StoreRefuses, match="no credentials"):
        await store.check()


async def test_a_store_that_is_away_may_come_back(opens: Opens):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    store = opens(f"s3://bucket?endpoint=http://127.0.0.1:{port}&region=us-east-1")
    with pytest.raises(Unavailable, match="does not answer") as caught:
        await store.check()
    assert not isinstance(caught.value, StoreRefuses)


async def test_a_server_does_not_start_on_a_store_that_refuses_it(tmp_path: Path):
    s3_url("nothing")
    wrong = f"s3://no-such-bucket?endpoint={shared_endpoint()}&region=us-east-1"
    async with core(tmp_path, blobs_url=wrong) as place:
        with pytest.raises(CannotOpen, match=r"COATCHECK_BLOBS_URL: .*no bucket 'no-such-bucket'"):
            await check_blobs(place.services)


async def test_a_server_starts_before_its_store_does(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    away = f"s3://bucket?endpoint=http://127.0.0.1:{port}&region=us-east-1"
    async with core(tmp_path, blobs_url=away) as place:
        await check_blobs(place.services)
    assert "does not answer" in caplog.text
