"""The store: which request each operation is."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, cast

from coatcheck.blobs.backoff import Backoff
from coatcheck.blobs.base import (
    BlobKey,
    BlobMissing,
    SignedForm,
    SignedRequest,
    StoreRefuses,
    checked,
)
from coatcheck.blobs.s3 import presigning
from coatcheck.blobs.s3.address import Address
from coatcheck.blobs.s3.connection import Connection
from coatcheck.blobs.s3.faults import RETRY_AFTER, RETRY_AFTER_REFUSAL, NoSuchUpload, reason
from coatcheck.blobs.s3.listing import Begun, Listing
from coatcheck.blobs.s3.reading import read
from coatcheck.blobs.s3.writing import Writing
from coatcheck.domain.errors import Unavailable

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client

log = logging.getLogger(__name__)

#: Seconds without a new part after which nobody can still be sending: at the slowest rate that uploads are held to by
#: default, a part of the usual size takes two and a half hours.
ABANDONED = 24 * 3600

#: The object that tells which database the store belongs to.
_MARK = "store-id"

_KEYS = re.compile(r"[0-9a-f]{0,32}")


class S3BlobStore:
    """Blobs below the prefix of one bucket, which has to be there.

    Errors at run time are kinds of Unavailable: StorageFull where the store says so, StoreRefuses where it does not let
    us, the client library's exception being the cause.
    """

    def __init__(
        self,
        address: Address,
        connection: Connection,
        backoff: Backoff,
        *,
        abandoned: float = ABANDONED,
    ) -> None:
        self._address = address
        self._bucket = address.bucket
        self._connection = connection
        self._backoff = backoff
        self._listing = Listing(connection, backoff, address.bucket)
        self._abandoned = abandoned

    async def put(self, key: BlobKey, data: AsyncIterable[bytes]) -> int:
        writing = Writing(
            self._connection,
            self._backoff,
            bucket=self._bucket,
            name=self._name(key),
            part_size=self._address.part_size,
        )
        return await writing.store(data)

    async def read(
        self, key: BlobKey, start: int = 0, stop: int | None = None
    ) -> AsyncIterator[bytes]:
        name = self._name(key)
        if start < 0 or (stop is not None and stop < start):
            raise ValueError(f"not a range: {start} to {stop}")
        if stop == start:
            await self.size(key)
            return
        reading = cast(
            AsyncGenerator[bytes, None], read(self._connection, self._bucket, name, start, stop)
        )
        async with aclosing(reading):
            async for piece in reading:
                yield piece

    async def size(self, key: BlobKey) -> int:
        name = self._name(key)

        async def head(client: S3Client) -> int:
            return (await client.head_object(Bucket=self._bucket, Key=name))["ContentLength"]

        return await self._connection.ask(head)

    async def delete(self, key: BlobKey) -> None:
        name = self._name(key)

        async def delete(client: S3Client) -> None:
            await client.delete_object(Bucket=self._bucket, Key=name)

        with suppress(BlobMissing):
            await self._connection.ask(delete)

    async def keys(self, prefix: str = "") -> AsyncIterator[BlobKey]:
        if _KEYS.fullmatch(prefix) is None:
            return
        async for name in self._listing.names(self._address.prefix + prefix):
            with suppress(ValueError):  # not a blob's name, so not ours
                yield checked(name.removeprefix(self._address.prefix))

    async def sweep_leftovers(self, older_than: float) -> int:
        """Abort the multipart uploads that had no new part for that long, and never those of less than a day."""
        swept = 0
        idle = max(older_than, self._abandoned)
        async for begun in self._listing.begun(self._address.prefix, idle):
            with suppress(ValueError):
                checked(begun.name.removeprefix(self._address.prefix))
                await self._abort(begun)
                swept += 1
        return swept

    async def presign_get(
        self,
        key: BlobKey,
        *,
        expires: int,
        media_type: str | None = None,
        disposition: str | None = None,
    ) -> SignedRequest:
        return await self._connection.ask(
            presigning.get(self._bucket, self._name(key), expires, media_type, disposition)
        )

    async def presign_put(self, key: BlobKey, *, size: int, expires: int) -> SignedRequest:
        return await self._connection.ask(
            presigning.put(self._bucket, self._name(key), expires, size)
        )

    async def presign_form(self, key: BlobKey, *, size: int, expires: int) -> SignedForm:
        return await self._connection.ask(
            presigning.form(self._bucket, self._name(key), expires, size)
        )

    async def marker(self) -> str | None:
        async def get(client: S3Client) -> bytes:
            found = await client.get_object(Bucket=self._bucket, Key=self._beside(_MARK))
            async with found["Body"] as body:
                return await body.read()

        with suppress(BlobMissing):
            return (await self._connection.ask(get)).decode("ascii", "replace").strip()
        return None

    async def mark(self, marker: str, *, anew: bool = False) -> str:
        """Two who mark a new store at once leave one mark: theirs come from one database, or the later is refused."""

        async def put(client: S3Client) -> None:
            await client.put_object(
                Bucket=self._bucket, Key=self._beside(_MARK), Body=f"{marker}\n".encode("ascii")
            )

        if anew or await self.marker() is None:
            await self._connection.ask(put)
        return await self.marker() or ""

    async def set_aside(self, key: BlobKey) -> str:
        """The object lies below `lost+found/` afterwards. Raises BlobMissing; Unavailable for one above 5 GB, too."""
        place = self._beside(f"lost+found/{checked(key)}")

        async def copy(client: S3Client) -> None:
            await client.copy_object(
                Bucket=self._bucket,
                Key=place,
                CopySource={"Bucket": self._bucket, "Key": self._name(key)},
            )

        await self._connection.ask(copy)
        await self.delete(key)
        return f"s3://{self._bucket}/{place}"

    async def check(self) -> None:
        async def head(client: S3Client) -> None:
            await client.head_bucket(Bucket=self._bucket)

        try:
            await self._connection.ask(head)
        except (StoreRefuses, BlobMissing) as error:
            why = reason(error.__cause__, self._bucket)
            raise StoreRefuses(
                f"The S3 store cannot be used: {why}.", retry_after=RETRY_AFTER_REFUSAL
            ) from error.__cause__
        except Unavailable as error:
            why = reason(error.__cause__, self._bucket)
            raise Unavailable(
                f"The S3 store cannot be used now: {why}.", retry_after=RETRY_AFTER
            ) from error.__cause__

    async def close(self) -> None:
        await self._connection.close()

    async def _abort(self, begun: Begun) -> None:
        async def abort(client: S3Client) -> None:
            await client.abort_multipart_upload(
                Bucket=self._bucket, Key=begun.name, UploadId=begun.upload
            )

        with suppress(NoSuchUpload, BlobMissing):
            await self._connection.ask(abort)
            log.info("aborted the upload of %s, idle for %d s", begun.name, begun.idle)

    def _beside(self, name: str) -> str:
        """What is no blob: its name has not the form of a key."""
        return self._address.prefix + name

    def _name(self, key: BlobKey) -> str:
        return self._address.prefix + checked(key)
