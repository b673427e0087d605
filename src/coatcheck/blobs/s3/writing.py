"""One blob on its way into the store: whole, checked and ours when `store` returns, else nowhere."""

from __future__ import annotations

import asyncio
import base64
import io
import logging
import secrets
from collections import deque
from collections.abc import AsyncIterable, Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from coatcheck.blobs.backoff import Backoff
from coatcheck.blobs.base import BlobExists, BlobMissing
from coatcheck.blobs.s3.connection import Connection, seen_through
from coatcheck.blobs.s3.cutting import Cutting, length
from coatcheck.blobs.s3.faults import RETRY_AFTER, NoSuchUpload
from coatcheck.domain.errors import TooLarge, Unavailable
from coatcheck.faultpoints import reach

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client
    from types_aiobotocore_s3.type_defs import CompletedPartTypeDef, HeadObjectOutputTypeDef

T = TypeVar("T")

log = logging.getLogger(__name__)

#: Parts of one upload that travel at once.
IN_FLIGHT = 2
#: S3 allows no more.
MOST_PARTS = 10_000
#: Up to this size a body is sent at once; above, only when the store has said that it takes it (Expect: 100-continue).
AT_ONCE = 1024 * 1024
#: Seconds that a failed upload may take to leave nothing behind; whoever waits for its end waits for that.
CLEANING_UP = 10

#: Where an object says which `put` stored it. A retry that finds the key used can tell whether it was itself.
MARK = "put"


class Writing:
    def __init__(
        self,
        connection: Connection,
        backoff: Backoff,
        *,
        bucket: str,
        name: str,
        part_size: int,
    ) -> None:
        self._connection = connection
        self._backoff = backoff
        self._bucket = bucket
        self._name = name
        self._part_size = part_size
        self._mark = secrets.token_hex(16)
        self._upload: str | None = None
        #: From the first request on that could have made the object.
        self._may_be_there = False

    async def store(self, data: AsyncIterable[bytes]) -> int:
        """Its size. Raises BlobExists, TooLarge and kinds of Unavailable; what `data` raises comes out unchanged."""
        cutting = Cutting(data, self._part_size)
        try:
            first = await cutting.next()
            second = await cutting.next() if length(first) == self._part_size else None
            if second is None or not length(second):
                await self._put(first, cutting)
            else:
                await self._put_parts(first, second, cutting)
            await self._confirm(cutting)
            await reach("M5")
        except BaseException:
            await seen_through(self._leave_nothing())
            raise
        return cutting.size

    async def _put(self, part: io.BytesIO, cutting: Cutting) -> None:
        body = part if cutting.size > AT_ONCE else part.getvalue()
        sum_ = _encoded(cutting.crc32)

        async def put(client: S3Client) -> None:
            part.seek(0)
            await client.put_object(
                Bucket=self._bucket,
                Key=self._name,
                Body=body,
                ChecksumCRC32=sum_,
                Metadata={MARK: self._mark},
                IfNoneMatch="*",
            )

        self._may_be_there = True
        await self._unless_it_was_us(put)
        part.close()

    async def _put_parts(self, first: io.BytesIO, second: io.BytesIO, cutting: Cutting) -> None:
        await reach("M0")
        await self._see(self._create)
        await reach("M1")
        ready = deque([first, second])
        del first, second  # a part is to be forgotten as soon as it is stored
        sent: list[CompletedPartTypeDef] = []
        travelling: deque[asyncio.Task[CompletedPartTypeDef]] = deque()
        number = 0
        try:
            while length(part := ready.popleft() if ready else await cutting.next()):
                number += 1
                if number > MOST_PARTS:
                    raise TooLarge(limit=MOST_PARTS * self._part_size)
                if len(travelling) == IN_FLIGHT:
                    sent.append(await travelling.popleft())
                travelling.append(asyncio.create_task(self._send(number, part)))
            while travelling:
                sent.append(await travelling.popleft())
        finally:
            for task in travelling:
                task.cancel()
            await asyncio.gather(*travelling, return_exceptions=True)
        await reach("M3")
        await self._complete(sent, cutting)
        await reach("M4")

    async def _create(self, client: S3Client) -> None:
        created = await client.create_multipart_upload(
            Bucket=self._bucket,
            Key=self._name,
            ChecksumAlgorithm="CRC32",
            ChecksumType="FULL_OBJECT",
            Metadata={MARK: self._mark},
        )
        self._upload = created["UploadId"]

    async def _send(self, number: int, part: io.BytesIO) -> CompletedPartTypeDef:
        async def send(client: S3Client) -> CompletedPartTypeDef:
            part.seek(0)
            taken = await client.upload_part(
                Bucket=self._bucket,
                Key=self._name,
                UploadId=str(self._upload),
                PartNumber=number,
                Body=part,
            )
            return {"PartNumber": number, "ETag": taken["ETag"]}

        try:
            sent = await self._backoff.run(lambda: self._connection.ask(send))
        except NoSuchUpload as error:
            raise Unavailable(retry_after=RETRY_AFTER) from error
        await reach("M2")
        part.close()  # or its memory waits for the garbage collector: the client library's references are cyclic
        return sent

    async def _complete(self, parts: list[CompletedPartTypeDef], cutting: Cutting) -> None:
        async def complete(client: S3Client) -> None:
            await client.complete_multipart_upload(
                Bucket=self._bucket,
                Key=self._name,
                UploadId=str(self._upload),
                MultipartUpload={"Parts": parts},
                ChecksumCRC32=_encoded(cutting.crc32),
                ChecksumType="FULL_OBJECT",
                IfNoneMatch="*",
            )

        self._may_be_there = True
        await self._unless_it_was_us(complete)
        self._upload = None

    async def _unless_it_was_us(self, write: Callable[[S3Client], Awaitable[None]]) -> None:
        """An attempt whose answer was lost stands in the way of the next: then that is its answer."""
        try:
            await self._see(write)
        except (BlobExists, NoSuchUpload) as error:
            if await self._backoff.run(self._ours) is None:
                if isinstance(error, BlobExists):
                    raise
                raise Unavailable(retry_after=RETRY_AFTER) from error

    async def _confirm(self, cutting: Cutting) -> None:
        """The store names our mark, and the size and the checksum of what was sent. One without checksums may pass."""
        found = await self._backoff.run(self._ours)
        if found is None:
            raise Unavailable(retry_after=RETRY_AFTER)
        told = found.get("ChecksumCRC32", "")
        whole = found.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT"
        if found["ContentLength"] != cutting.size or (
            told and whole and told != _encoded(cutting.crc32)
        ):
            log.error("the store keeps something else as %s than it was sent", self._name)
            raise Unavailable(retry_after=RETRY_AFTER)

    async def _ours(self) -> HeadObjectOutputTypeDef | None:
        """What is stored under the name, if it was stored by us."""

        async def head(client: S3Client) -> HeadObjectOutputTypeDef:
            return await client.head_object(
                Bucket=self._bucket, Key=self._name, ChecksumMode="ENABLED"
            )

        try:
            found = await self._connection.ask(head)
        except BlobMissing:
            return None
        return found if found["Metadata"].get(MARK) == self._mark else None

    async def _see(self, request: Callable[[S3Client], Awaitable[T]]) -> T:
        """Repeated where it fails, and never left halfway."""
        return await self._backoff.run(lambda: seen_through(self._connection.ask(request)))

    async def _leave_nothing(self) -> None:
        """As far as the store lets us; what stays is found by the sweeps."""
        try:
            async with asyncio.timeout(CLEANING_UP):
                if self._upload is not None:
                    with suppress(NoSuchUpload, BlobMissing):
                        await self._connection.ask(self._abort)
                    await reach("M6")
                if self._may_be_there and await self._ours() is not None:
                    await self._connection.ask(self._delete)
        except (Unavailable, TimeoutError):
            log.warning("what there is of %s is left to the sweeps", self._name)

    async def _abort(self, client: S3Client) -> None:
        await client.abort_multipart_upload(
            Bucket=self._bucket, Key=self._name, UploadId=str(self._upload)
        )

    async def _delete(self, client: S3Client) -> None:
        await client.delete_object(Bucket=self._bucket, Key=self._name)


def _encoded(crc32: int) -> str:
    return base64.b64encode(crc32.to_bytes(4, "big")).decode()
