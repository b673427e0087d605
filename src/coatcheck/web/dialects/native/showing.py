"""Attachments and claims as the native API shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from coatcheck.domain.attachment import Attachment
from coatcheck.domain.claim import Claim
from coatcheck.domain.container import Container, ContainerRef
from coatcheck.domain.lifecycle import State
from coatcheck.domain.principal import Person, Principal
from coatcheck.services.bundle import Services
from coatcheck.web.dialects.native import kinds
from coatcheck.web.dialects.native.references import shown_digests
from coatcheck.web.dialects.native.shapes import (
    AttachmentShape,
    ClaimsShape,
    ContainerShape,
    DimensionsShape,
)

ROOT = "/coatcheck/v1"


@dataclass(frozen=True, slots=True)
class View:
    """What is known besides of some attachments that are to be shown."""

    services: Services
    base: str
    holders: Mapping[int, Sequence[Container]]
    people: Mapping[int, Person]

    @classmethod
    async def of(
        cls, services: Services, caller: Principal, base: str, attachments: Sequence[Attachment]
    ) -> View:
        claimed = [each for each in attachments if each.state is State.CLAIMED]
        holders = await services.containers.holders(caller, claimed) if claimed else {}
        people = await services.people.some(caller, (each.owner_id for each in attachments))
        return cls(services, base, holders, people)

    def attachment(self, attachment: Attachment) -> AttachmentShape:
        url = address(self.base, attachment)
        owner = self.people.get(attachment.owner_id)
        detached = attachment.state is State.DETACHED
        return AttachmentShape(
            id=attachment.id,
            public_id=attachment.public_id,
            token=attachment.token,
            name=attachment.name,
            media_type=attachment.media_type,
            size=attachment.size,
            digests=shown_digests(attachment.digests),
            state="detached" if detached else "claimed",
            owner=owner and owner.login,
            dimensions=_dimensions(attachment),
            created_at=instant(attachment.created_at),
            expires_at=_instant(attachment.expires_at) if detached else None,
            containers=[_container(each.ref) for each in self.holders.get(attachment.id, ())],
            url=f"{url}/content",
            thumbnail_url=f"{url}/thumbnail"
            if self.services.thumbnails.offers(attachment)
            else None,
        )

    def claim(self, claim: Claim) -> AttachmentShape:
        return self.attachment(claim.attachment).model_copy(
            update={
                "name": claim.shown_name,
                "media_type": claim.shown_media_type,
                "expires_at": _instant(claim.expires_at),
            }
        )


async def shown_one(
    services: Services, caller: Principal, base: str, attachment: Attachment
) -> dict[str, Any]:
    view = await View.of(services, caller, base, [attachment])
    return view.attachment(attachment).model_dump()


async def shown_claims(
    services: Services, caller: Principal, base: str, ref: ContainerRef, held: Sequence[Claim]
) -> dict[str, Any]:
    view = await View.of(services, caller, base, [each.attachment for each in held])
    attachments = [view.claim(each) for each in held]
    return ClaimsShape(container=_container(ref), attachments=attachments).model_dump()


def address(base: str, attachment: Attachment) -> str:
    return f"{base}{ROOT}/attachments/{attachment.id}"


def instant(time: int) -> str:
    """`2030-01-31T12:00:00.000Z`."""
    text = datetime.fromtimestamp(time / 1000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _instant(time: int | None) -> str | None:
    return None if time is None else instant(time)


def _container(ref: ContainerRef) -> ContainerShape:
    kind, id = kinds.shown(ref)
    return ContainerShape(kind=kind, id=id)


def _dimensions(attachment: Attachment) -> DimensionsShape | None:
    if attachment.width is None or attachment.height is None:
        return None
    return DimensionsShape(width=attachment.width, height=attachment.height)
