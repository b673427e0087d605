"""Blobs as objects of an S3-compatible store, whole and checked there when `put` returns.

    prefix/abcdef…      a whole blob; its object bears the mark of the one `put` that stored it

A blob no longer than a part is one PutObject; a longer one is a multipart upload, whose parts are collected in memory
while at most `IN_FLIGHT` before them travel: (IN_FLIGHT + 1) · part size for each upload, however long. Both are sent
with `If-None-Match: *`, so that no key is ever written twice, and with a CRC-32 of the whole, which the store compares
with what it got. Then a HEAD has to name the length, the checksum and the mark. A multipart upload is seen by nobody
until it is completed, and aborted where it is not; what a crash leaves of it is swept.

`address` is what the URL says, `connection` the one client and its time-outs, `faults` the store's errors in our words.
"""

from __future__ import annotations

from coatcheck.blobs.backoff import Backoff
from coatcheck.blobs.s3.address import parse_address
from coatcheck.blobs.s3.connection import Connection
from coatcheck.blobs.s3.store import S3BlobStore
from coatcheck.blobs.s3.writing import IN_FLIGHT

__all__ = ["IN_FLIGHT", "S3BlobStore", "open_s3"]


def open_s3(url: str) -> S3BlobStore:
    """The store of `s3://bucket/prefix?endpoint=…&region=…`; see `address`. Nothing is asked of it yet."""
    address = parse_address(url)
    return S3BlobStore(address, Connection(address), Backoff())
