"""What the client library raises, in our words."""

from __future__ import annotations

import aiohttp
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    InvalidRegionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSLError,
    TokenRetrievalError,
)
from botocore.parsers import ResponseParserError

from coatcheck.blobs.base import BlobExists, BlobMissing, StoreRefuses
from coatcheck.domain.errors import StorageFull, Unavailable

#: Everything that a request to the store may raise and that is not a mistake of ours.
FAULTS = (
    ClientError,
    BotoCoreError,
    ResponseParserError,
    aiohttp.ClientError,
    TimeoutError,
    OSError,
)

#: Seconds after which asking again makes sense.
RETRY_AFTER = 5
#: The same where somebody has to change something first.
RETRY_AFTER_REFUSAL = 60

_FULL = {
    "InsufficientStorage",
    "QuotaExceeded",
    "XMinioStorageFull",
    "XMinioAdminBucketQuotaExceeded",
}
#: Said with a 4xx, and gone the next time.
_PASSING = {
    "BadDigest",
    "ConditionalRequestConflict",
    "IncompleteBody",
    "OperationAborted",
    "RequestTimeout",
    "SlowDown",
    "Throttling",
    "XAmzContentSHA256Mismatch",
}
_MISCONFIGURED = (
    InvalidRegionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSLError,
    TokenRetrievalError,
)


class NoSuchUpload(Exception):
    """The multipart upload is not there: completed or aborted."""


class BehindTheEnd(Exception):
    """A range that begins where the blob ends, or later."""


def fault(error: Exception) -> Exception:
    """Of an operation on one object: BlobMissing, BlobExists, NoSuchUpload, BehindTheEnd, or a kind of Unavailable."""
    if isinstance(error, ClientError):
        return _answered(error)
    if isinstance(error, _MISCONFIGURED):
        return StoreRefuses(retry_after=RETRY_AFTER_REFUSAL)
    return Unavailable(retry_after=RETRY_AFTER)


def _answered(error: ClientError) -> Exception:
    code = code_of(error)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in {"NoSuchKey", "404", "NotFound"}:
        return BlobMissing()
    if code == "NoSuchUpload":
        return NoSuchUpload()
    if code in {"PreconditionFailed", "412"}:
        return BlobExists()
    if status == 416:
        return BehindTheEnd()
    if status == 507 or code in _FULL:
        return StorageFull(retry_after=RETRY_AFTER)
    if code not in _PASSING and status != 429 and 300 <= status < 500:
        return StoreRefuses(retry_after=RETRY_AFTER_REFUSAL)
    return Unavailable(retry_after=RETRY_AFTER)


def code_of(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def reason(error: BaseException | None, bucket: str) -> str:
    """For whoever runs the server, why the store cannot be used."""
    match error:
        case ClientError():
            return _said(error, bucket)
        case NoCredentialsError() | PartialCredentialsError() | CredentialRetrievalError():
            return "no credentials are found in the environment, in a profile or at the machine's own service"
        case NoRegionError():
            return "no region is given: set region= in the URL, or AWS_REGION"
        case EndpointConnectionError() | HTTPClientError() | TimeoutError():
            return f"it does not answer ({type(error).__name__})"
        case _:
            return " ".join(str(error).split()) or type(error).__name__


def _said(error: ClientError, bucket: str) -> str:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    match code_of(error):
        case "404" | "NoSuchBucket":
            return f"there is no bucket {bucket!r}"
        case "401" | "403" | "AccessDenied" | "InvalidAccessKeyId" | "SignatureDoesNotMatch":
            return f"it does not let these credentials use the bucket {bucket!r}"
        case "301" | "PermanentRedirect" | "400":
            return f"the bucket {bucket!r} is in another region, or the credentials are not of this store"
        case code:
            return f"it says {code or status}"
