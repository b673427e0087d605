"""The bytes of one object, or a range of it, as they come."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from coatcheck.blobs.base import StoreRefuses
from coatcheck.blobs.s3.connection import Connection
from coatcheck.blobs.s3.faults import FAULTS, RETRY_AFTER_REFUSAL, BehindTheEnd, fault

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client
    from types_aiobotocore_s3.type_defs import GetObjectOutputTypeDef

#: Most bytes yielded at once. What is read ahead is what the client's own buffer holds, about as much.
PIECE = 256 * 1024


async def read(
    connection: Connection, bucket: str, name: str, start: int, stop: int | None
) -> AsyncIterator[bytes]:
    """Where there is something in the range at all; raises BlobMissing and kinds of Unavailable.

    Bytes that end early are an error of the connection, never an end.
    """
    wanted: dict[str, Any] = {}
    if start or stop is not None:
        wanted["Range"] = f"bytes={start}-{'' if stop is None else stop - 1}"

    async def get(client: S3Client) -> GetObjectOutputTypeDef:
        return await client.get_object(Bucket=bucket, Key=name, **wanted)

    try:
        got = await connection.ask(get)
    except BehindTheEnd:
        return
    async with got["Body"] as body:
        if wanted and not got.get("ContentRange", "").startswith(f"bytes {start}-"):
            raise StoreRefuses(
                "The blob store does not know ranges.", retry_after=RETRY_AFTER_REFUSAL
            )
        while True:
            try:
                piece = await body.read(PIECE)
            except FAULTS as error:
                raise fault(error) from error
            if not piece:
                return
            yield piece
