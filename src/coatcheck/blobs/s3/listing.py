"""What is below a prefix: the objects, and the multipart uploads that nobody completed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from coatcheck.blobs.backoff import Backoff
from coatcheck.blobs.s3.connection import Connection

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client


class Begun(NamedTuple):
    """A multipart upload. `idle` is how many seconds it has had no new part, by the store's own clock."""

    name: str
    upload: str
    idle: float


class Listing:
    def __init__(self, connection: Connection, backoff: Backoff, bucket: str) -> None:
        self._connection = connection
        self._backoff = backoff
        self._bucket = bucket

    async def names(self, prefix: str) -> AsyncIterator[str]:
        """Of all objects whose names start so."""
        after: dict[str, Any] = {}
        while True:
            page = await self._page("list_objects_v2", Prefix=prefix, **after)
            for entry in page.get("Contents", ()):
                yield entry["Key"]
            if not page.get("IsTruncated"):
                return
            after = {"ContinuationToken": page["NextContinuationToken"]}

    async def begun(self, prefix: str, idle: float) -> AsyncIterator[Begun]:
        """The multipart uploads that have had no new part for `idle` seconds or more."""
        seen: set[str] = set()  # a store may name one on two pages
        after: dict[str, Any] = {}
        while True:
            page = await self._page("list_multipart_uploads", Prefix=prefix, **after)
            now = parsedate_to_datetime(page["ResponseMetadata"]["HTTPHeaders"]["date"])
            for entry in page.get("Uploads", ()):
                name, upload, newest = entry["Key"], entry["UploadId"], entry["Initiated"]
                if upload in seen or (now - newest).total_seconds() < idle:
                    continue
                seen.add(upload)
                newest = await self._newest_part(name, upload) or newest
                since = (now - newest).total_seconds()
                if since >= idle:
                    yield Begun(name, upload, since)
            if not page.get("IsTruncated"):
                return
            after = {
                "KeyMarker": page["NextKeyMarker"],
                "UploadIdMarker": page["NextUploadIdMarker"],
            }

    async def _newest_part(self, name: str, upload: str) -> datetime | None:
        newest: datetime | None = None
        after: dict[str, Any] = {}
        while True:
            page = await self._page("list_parts", Key=name, UploadId=upload, **after)
            for part in page.get("Parts", ()):
                newest = max(newest or part["LastModified"], part["LastModified"])
            if not page.get("IsTruncated"):
                return newest
            after = {"PartNumberMarker": page["NextPartNumberMarker"]}

    async def _page(self, operation: str, **wanted: Any) -> dict[str, Any]:
        async def ask(client: S3Client) -> dict[str, Any]:
            page: dict[str, Any] = await getattr(client, operation)(Bucket=self._bucket, **wanted)
            return page

        return await self._backoff.run(lambda: self._connection.ask(ask))
