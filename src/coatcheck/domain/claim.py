"""A container's hold on an attachment, with what the container calls it."""

from __future__ import annotations

from dataclasses import dataclass

from coatcheck.domain.attachment import Attachment
from coatcheck.domain.digest import Digest


@dataclass(frozen=True, slots=True)
class ById:
    id: int


@dataclass(frozen=True, slots=True)
class ByPublicId:
    public_id: str


@dataclass(frozen=True, slots=True)
class ByDigest:
    digest: Digest


@dataclass(frozen=True, slots=True)
class ByToken:
    """The path of a file in the tenant's tree."""

    token: str


#: Any form of an attachment's identity that some dialect uses.
Reference = ById | ByPublicId | ByDigest | ByToken


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One attachment a container asks for, and what it calls it (None: as the attachment calls itself).

    With a `digest`, the attachment that is named has to have it.
    """

    reference: Reference
    digest: Digest | None = None
    name: str | None = None
    media_type: str | None = None
    category: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A hold that exists; `position` is its place in the container's list, `expires_at` the end of its lease."""

    attachment: Attachment
    position: int
    name: str | None = None
    media_type: str | None = None
    category: str | None = None
    expires_at: int | None = None

    @property
    def shown_name(self) -> str | None:
        return self.name or self.attachment.name

    @property
    def shown_media_type(self) -> str:
        return self.media_type or self.attachment.media_type
