"""Attachments and the people who left them, as OpenProject shows them."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from coatcheck.domain import attachment as truth
from coatcheck.domain.container import Container
from coatcheck.domain.digest import MD5
from coatcheck.domain.lifecycle import State
from coatcheck.domain.principal import Person, Principal
from coatcheck.services.bundle import Services
from coatcheck.web.dialects.openproject.hal import ROOT, Link
from coatcheck.web.dialects.openproject.kinds import OPEN, WORK_PACKAGE, shown_holder
from coatcheck.web.dialects.openproject.shapes import (
    Attachment,
    AttachmentCollection,
    AttachmentElements,
    AttachmentLinks,
    Digest,
    SelfLink,
    Text,
)

#: What an attachment is called that was left through an API where it need not have a name.
NAMELESS = "file"


def attachment_href(id: int) -> str:
    return f"{ROOT}/attachments/{id}"


async def shown(
    services: Services, caller: Principal, attachments: Sequence[truth.Attachment]
) -> list[Attachment]:
    """With their digests, their authors' names, and what they are contained in."""
    attachments = await services.downloads.with_digest(attachments, MD5)
    people = await services.people.some(caller, (each.owner_id for each in attachments))
    claimed = [each for each in attachments if each.state is State.CLAIMED]
    holders = await services.containers.holders(caller, claimed) if claimed else {}
    return [_attachment(each, people, holders.get(each.id, ())) for each in attachments]


async def shown_one(
    services: Services, caller: Principal, attachment: truth.Attachment
) -> Attachment:
    return (await shown(services, caller, [attachment]))[0]


async def collection(
    services: Services, caller: Principal, attachments: Sequence[truth.Attachment], href: str
) -> AttachmentCollection:
    oldest_first = sorted(attachments, key=lambda each: (each.created_at, each.id))
    elements = await shown(services, caller, oldest_first)
    return AttachmentCollection(
        total=len(elements),
        count=len(elements),
        embedded=AttachmentElements(elements=elements),
        links=SelfLink(self_=Link(href=href)),
    )


def user_link(id: int, people: Mapping[int, Person]) -> Link:
    return Link(href=f"{ROOT}/users/{id}", title=people[id].display if id in people else None)


def text(raw: str | None, *, format: str = "plain") -> Text:
    escaped = f"<p>{html.escape(raw)}</p>" if raw and raw.strip() else ""
    return Text(format=format, raw=raw or "", html=escaped)


def instant(milliseconds: int) -> str:
    """Whole seconds: clients read no other form."""
    return datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _attachment(
    attachment: truth.Attachment, people: Mapping[int, Person], holders: Sequence[Container]
) -> Attachment:
    name = attachment.name or NAMELESS
    self = Link(href=attachment_href(attachment.id), title=name)
    content = Link(href=f"{self.href}/content")
    may_go = all(each.ref.kind in OPEN for each in holders)
    md5 = attachment.digests.get(MD5)
    return Attachment(
        id=attachment.id,
        title=name,
        file_name=name,
        file_size=attachment.size,
        filesize=attachment.size,
        description=text(attachment.description),
        content_type=attachment.media_type,
        digest=Digest(hash=md5) if md5 else None,
        created_at=instant(attachment.created_at),
        links=AttachmentLinks(
            self_=self,
            author=user_link(attachment.owner_id, people),
            container=_container(holders),
            static_download_location=content,
            download_location=content,
            delete=Link(href=self.href, method="delete") if may_go else None,
        ),
    )


def _container(holders: Sequence[Container]) -> Link:
    found = shown_holder(holders)
    if found is None:
        return Link(href=None)
    kind, holder = found
    title = f"{kind.title} {holder.ref.external_id}"
    if kind is WORK_PACKAGE:
        title = holder.body.get("subject") or title
    return Link(href=f"{ROOT}/{kind.path}/{holder.ref.external_id}", title=title)
