"""What came of a body: its bytes at rest, and what is to be recorded of them."""

from __future__ import annotations

from dataclasses import dataclass

from coatcheck.domain.attachment import Draft, Part
from coatcheck.domain.container import ContainerRef
from coatcheck.domain.folder import Filing
from coatcheck.domain.intent import Intent


@dataclass(frozen=True, slots=True, kw_only=True)
class Stash:
    """A body that has been taken in whole: in the blob that `intent` names, or, small, in `inline`.

    `head` is its first bytes, for sniffing.
    """

    size: int
    digests: dict[str, str]
    head: bytes
    dimensions: tuple[int, int] | None = None
    inline: bytes | None = None
    intent: Intent | None = None

    def part(self, *, start: int | None = None, ordinal: int | None = None) -> Part:
        return Part(
            start=start,
            ordinal=ordinal,
            size=self.size,
            sha256=self.digests["sha256"],
            blob_key=self.intent.blob_key if self.intent else None,
            inline=self.inline,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposited:
    """A whole attachment, ready to be recorded. With a `filing` it is claimed from birth by its tenant's tree, with
    `into` by that container, which has to exist unless it is kept `elsewhere`.
    """

    draft: Draft
    intent: Intent | None = None
    filing: Filing | None = None
    into: ContainerRef | None = None
    elsewhere: bool = False
    supersede: bool = False
