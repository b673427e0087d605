"""Requests that somebody without credentials may send for a while."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from coatcheck.blobs.base import SignedForm, SignedRequest

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client

Signing = Callable[["S3Client"], Awaitable[SignedRequest]]


def get(
    bucket: str, name: str, expires: int, media_type: str | None, disposition: str | None
) -> Signing:
    """The answer's headers are in the signature, so that nobody can have the bytes as another type."""
    wanted = {
        "Bucket": bucket,
        "Key": name,
        "ResponseCacheControl": "private, no-cache",
        "ResponseContentType": media_type,
        "ResponseContentDisposition": disposition,
    }

    async def sign(client: S3Client) -> SignedRequest:
        url = await client.generate_presigned_url(
            "get_object",
            Params={name: value for name, value in wanted.items() if value is not None},
            ExpiresIn=expires,
        )
        return SignedRequest(method="GET", url=url)

    return sign


def put(bucket: str, name: str, expires: int, size: int) -> Signing:
    """Length and condition are signed headers: the store refuses a body of another length, and a second one."""

    async def sign(client: S3Client) -> SignedRequest:
        url = await client.generate_presigned_url(
            "put_object",
            Params={"Bucket": bucket, "Key": name, "ContentLength": size, "IfNoneMatch": "*"},
            ExpiresIn=expires,
        )
        return SignedRequest(
            method="PUT", url=url, headers={"Content-Length": str(size), "If-None-Match": "*"}
        )

    return sign


def form(
    bucket: str, name: str, expires: int, size: int
) -> Callable[[S3Client], Awaitable[SignedForm]]:
    """The policy holds the length of the file; there is none that forbids a second one."""

    async def sign(client: S3Client) -> SignedForm:
        signed = await client.generate_presigned_post(
            bucket, name, Conditions=[["content-length-range", size, size]], ExpiresIn=expires
        )
        return SignedForm(url=signed["url"], fields=signed["fields"])

    return sign
