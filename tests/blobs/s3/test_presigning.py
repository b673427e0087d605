"""Whoever has a signed request may do exactly that, until it expires."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from contextlib import contextmanager

import botocore.auth
import httpx
import pytest

from coatcheck.blobs.base import BlobMissing, RemoteBlobStore, SignedRequest, new_blob_key
from coatcheck.testing.content import pieces, whole

NAME = "attachment; filename=\"a b.txt\"; filename*=UTF-8''%E2%82%AC.txt"


@contextmanager
def an_hour_ago() -> Iterator[None]:
    """What is signed in the block is signed then."""
    real = vars(botocore.auth)["get_current_datetime"]

    def earlier(*given, **named):
        return real(*given, **named) - datetime.timedelta(hours=1)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.auth, "get_current_datetime", earlier)
        yield


async def send(
    signed: SignedRequest, content: bytes | None = None, **headers: str
) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.request(
            signed.method, signed.url, content=content, headers={**signed.headers, **headers}
        )


async def test_a_signed_get_reads_the_blob_as_the_type_and_name_that_were_signed(
    s3_store: RemoteBlobStore,
):
    key = new_blob_key()
    await s3_store.put(key, pieces(b"coatcheck"))
    signed = await s3_store.presign_get(
        key, expires=60, media_type="text/plain; charset=utf-8", disposition=NAME
    )
    answer = await send(signed)
    assert (answer.status_code, answer.content) == (200, b"coatcheck")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["content-disposition"] == NAME
    assert answer.headers["cache-control"] == "private, no-cache"

    part = await send(signed, range="bytes=4-6")
    assert (part.status_code, part.content) == (206, b"che")


async def test_a_signed_get_cannot_be_turned_into_another(s3_store: RemoteBlobStore):
    key, other = new_blob_key(), new_blob_key()
    for each in (key, other):
        await s3_store.put(each, pieces(b"coatcheck"))
    signed = await s3_store.presign_get(key, expires=60, media_type="text/plain")
    for url in (
        signed.url.replace(key, other),
        signed.url.replace("text%2Fplain", "text%2Fhtml"),
        signed.url.replace("Expires=60", "Expires=6000"),
    ):
        assert url != signed.url
        assert (await send(SignedRequest(method="GET", url=url))).status_code == 403
    assert (await send(SignedRequest(method="DELETE", url=signed.url))).status_code == 403


async def test_a_signed_get_ends(s3_store: RemoteBlobStore):
    key = new_blob_key()
    with an_hour_ago():
        signed = await s3_store.presign_get(key, expires=60)
    answer = await send(signed)
    assert answer.status_code == 403
    assert "xpired" in answer.text


async def test_a_signed_put_stores_a_blob_of_that_size_once(s3_store: RemoteBlobStore):
    key = new_blob_key()
    signed = await s3_store.presign_put(key, size=9, expires=60)
    assert (await send(signed, b"coatcheck")).status_code == 200
    assert await whole(s3_store, key) == b"coatcheck"
    assert (await send(signed, b"otherwise")).status_code == 412
    assert await whole(s3_store, key) == b"coatcheck"


@pytest.mark.parametrize("content", [b"", b"coat", b"coatcheck and more"])
async def test_a_signed_put_of_another_size_is_refused(s3_store: RemoteBlobStore, content: bytes):
    key = new_blob_key()
    signed = await s3_store.presign_put(key, size=9, expires=60)
    answer = await send(signed, content, **{"Content-Length": str(len(content))})
    assert answer.status_code == 403
    with pytest.raises(BlobMissing):
        await s3_store.size(key)


async def test_a_signed_put_without_its_condition_is_refused(s3_store: RemoteBlobStore):
    key = new_blob_key()
    signed = await s3_store.presign_put(key, size=9, expires=60)
    bare = SignedRequest(method="PUT", url=signed.url, headers={"Content-Length": "9"})
    assert (await send(bare, b"coatcheck")).status_code == 403


async def test_a_signed_put_ends(s3_store: RemoteBlobStore):
    key = new_blob_key()
    with an_hour_ago():
        signed = await s3_store.presign_put(key, size=9, expires=60)
    assert (await send(signed, b"coatcheck")).status_code == 403
    with pytest.raises(BlobMissing):
        await s3_store.size(key)


@pytest.mark.parametrize("key", ["", "../x", "0" * 31])
async def test_nothing_is_signed_for_a_key_of_another_form(s3_store: RemoteBlobStore, key: str):
    with pytest.raises(ValueError, match="key"):
        await s3_store.presign_get(key, expires=60)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="key"):
        await s3_store.presign_put(key, size=1, expires=60)  # type: ignore[arg-type]


async def test_a_signed_form_stores_that_many_bytes_and_no_other_number(
    s3_store: RemoteBlobStore,
):
    key = new_blob_key()
    form = await s3_store.presign_form(key, size=9, expires=60)
    async with httpx.AsyncClient() as client:
        for wrong in (b"coatchec", b"coatchecks"):
            refused = await client.post(form.url, data=form.fields, files={"file": ("a", wrong)})
            assert 400 <= refused.status_code < 500
        with pytest.raises(BlobMissing):
            await s3_store.size(key)
        other = {**form.fields, "key": form.fields["key"].replace(key, new_blob_key())}
        refused = await client.post(form.url, data=other, files={"file": ("a", b"coatcheck")})
        assert 400 <= refused.status_code < 500
        taken = await client.post(form.url, data=form.fields, files={"file": ("a", b"coatcheck")})
    assert taken.is_success
    assert await whole(s3_store, key) == b"coatcheck"
