"""Everything that can go wrong, as one tree. Codes are stable; HTTP statuses live at the edge.

CoatcheckError
├── NotFound                 unknown, foreign, or no longer visible: all three look alike
│   └── Gone                 was here, and has expired or been deleted
├── Conflict                 the request is sound, the present state forbids it
│   ├── OffsetMismatch       bytes offered at another offset than the next one
│   ├── Overlap              bytes already received there, and they differ
│   ├── SizeMismatch         the upload was begun with another total size
│   ├── VersionMismatch      another version is the newest one by now
│   ├── InvalidTransition    the attachment's state does not allow the event
│   ├── NameTaken            a sibling, or another attachment, has that name
│   ├── AlreadyClaimed       another container holds it
│   ├── NotEmpty             a folder that still holds something
│   ├── TooMany              too many open uploads, or parts of one
│   ├── InProgress           the same request is being carried out at this moment
│   └── ReplayMismatch       the same request id came with other content
├── Invalid                  the request itself is wrong
│   ├── Malformed            not parseable as what it claims to be
│   ├── Incomplete           fewer bytes than promised, or the sender hung up
│   ├── DigestMismatch       the bytes are not those that were announced
│   ├── BadRange             a range that cannot be
│   ├── RangeNotSatisfiable  a range outside the content (download)
│   ├── BadName              a name that cannot be kept
│   ├── Excess               more bytes than the declared total
│   ├── Missing              a required field is absent
│   ├── Cycle                a folder cannot move below itself
│   └── Unsupported          a media type, encoding or method that is not spoken here
├── TooLarge                 above a size limit
├── QuotaExceeded            the owner's quota has no room
├── RateLimited              too many requests; says when to come back
├── Forbidden                known caller, not allowed
├── Unauthenticated          no caller
│   └── BadCredentials       credentials were given and are wrong
├── Rejected                 a scanner said no
├── TimedOut                 the sender was too slow
├── Corrupt                  stored bytes are not what the record says
└── Unavailable              database or store cannot serve now; says when to come back
    ├── Contended            undone, as it and another change waited for each other
    ├── StorageFull          no room on the disk
    └── OutcomeUnknown       the commit itself failed: nobody knows which way it went
"""

from __future__ import annotations

from typing import Any, ClassVar


class CoatcheckError(Exception):
    """Base of the tree. `code` is stable; `facts` are plain values a dialect may show."""

    code: ClassVar[str] = "internal_error"
    summary: ClassVar[str] = "Something went wrong."

    def __init__(self, detail: str | None = None, **facts: Any) -> None:
        self.detail = detail or self.summary
        self.facts = facts
        super().__init__(self.detail)


class NotFound(CoatcheckError):
    code = "not_found"
    summary = "There is no such thing here."


class Gone(NotFound):
    code = "gone"
    summary = "It was here, and is gone."


class Conflict(CoatcheckError):
    code = "conflict"
    summary = "The present state does not allow this."


class OffsetMismatch(Conflict):
    code = "offset_mismatch"
    summary = "The bytes do not start where the last ones ended."


class Overlap(Conflict):
    code = "overlap"
    summary = "Other bytes were already received there."


class SizeMismatch(Conflict):
    code = "size_mismatch"
    summary = "The upload was begun with another total size."


class VersionMismatch(Conflict):
    """`facts["version"]` is the present one."""

    code = "version_mismatch"
    summary = "It was changed in the meantime."


class InvalidTransition(Conflict):
    code = "invalid_transition"
    summary = "The attachment's state does not allow this."


class NameTaken(Conflict):
    code = "name_taken"
    summary = "The name is already taken."


class AlreadyClaimed(Conflict):
    code = "already_claimed"
    summary = "Another container holds this attachment."


class NotEmpty(Conflict):
    """`facts["holds"]` is "folders" or "attachments"."""

    code = "not_empty"
    summary = "It still holds something."


class TooMany(Conflict):
    """`facts["limit"]` is how many there may be of `facts["what"]`."""

    code = "too_many"
    summary = "There are too many of these."


class InProgress(Conflict):
    """`facts["retry_after"]` is in seconds."""

    code = "in_progress"
    summary = "The same request is being carried out at this moment."


class ReplayMismatch(Conflict):
    code = "replay_mismatch"
    summary = "The request id was used before with other content."


class Invalid(CoatcheckError):
    """`facts["field"]` names the field, where there is one."""

    code = "invalid_request"
    summary = "The request is not valid."


class Malformed(Invalid):
    code = "malformed"
    summary = "The request cannot be parsed."


class Incomplete(Invalid):
    code = "incomplete"
    summary = "Fewer bytes arrived than were promised."


class DigestMismatch(Invalid):
    code = "digest_mismatch"
    summary = "The bytes do not have the digest that was announced."


class BadRange(Invalid):
    code = "bad_range"
    summary = "The range is not valid."


class RangeNotSatisfiable(Invalid):
    """`facts["size"]` is the whole size in bytes."""

    code = "range_not_satisfiable"
    summary = "The range lies outside the content."


class BadName(Invalid):
    code = "bad_name"
    summary = "The name is not valid."


class Excess(Invalid):
    """`facts["total"]` is the declared size in bytes."""

    code = "excess"
    summary = "More bytes arrived than were declared."


class Missing(Invalid):
    code = "missing"
    summary = "A required field is absent."


class Cycle(Invalid):
    code = "cycle"
    summary = "A folder cannot move below itself."


class Unsupported(Invalid):
    code = "unsupported"
    summary = "This form of request is not spoken here."


class TooLarge(CoatcheckError):
    """`facts["limit"]` is in bytes."""

    code = "too_large"
    summary = "The content is larger than the limit."

    def __init__(self, detail: str | None = None, **facts: Any) -> None:
        if detail is None and "limit" in facts:
            detail = f"The content is larger than the limit of {facts['limit']} bytes."
        super().__init__(detail, **facts)


class QuotaExceeded(CoatcheckError):
    """`facts["limit"]` is how many there may be of `facts["what"]`, "quota_bytes" or "quota_count"."""

    code = "quota_exceeded"
    summary = "The quota has no room for this."


class RateLimited(CoatcheckError):
    """`facts["limit"]` is how many there may be of `facts["what"]`; `facts["retry_after"]` is in seconds."""

    code = "rate_limited"
    summary = "Too many requests."


class Forbidden(CoatcheckError):
    code = "forbidden"
    summary = "Not allowed."


class Unauthenticated(CoatcheckError):
    code = "unauthenticated"
    summary = "Authorization required."


class BadCredentials(Unauthenticated):
    code = "bad_credentials"
    summary = "The credentials are not valid."


class Rejected(CoatcheckError):
    code = "rejected"
    summary = "The content was rejected."


class TimedOut(CoatcheckError):
    """`facts["what"]` is "first_byte_timeout" (`facts["limit"]` in seconds) or "min_rate" (in bytes a second)."""

    code = "timed_out"
    summary = "The request took too long to arrive."


class Corrupt(CoatcheckError):
    code = "corrupt"
    summary = "The stored content is damaged."


class Unavailable(CoatcheckError):
    """`facts["retry_after"]` is in seconds."""

    code = "unavailable"
    summary = "The service cannot do this now."


class Contended(Unavailable):
    code = "contended"
    summary = "Others are changing the same at this moment."


class StorageFull(Unavailable):
    code = "storage_full"
    summary = "There is no room to store this."


class OutcomeUnknown(Unavailable):
    code = "outcome_unknown"
    summary = "The connection was lost while the change was being recorded."
