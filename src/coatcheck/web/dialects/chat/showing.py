"""Attachments, messages and conversations as the chat API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from coatcheck.domain.attachment import Attachment
from coatcheck.domain.container import Container
from coatcheck.domain.principal import Principal
from coatcheck.services.bundle import Services
from coatcheck.web.dialects.chat import shapes
from coatcheck.web.dialects.chat.naming import MESSAGE, NAMELESS


@dataclass(frozen=True, slots=True)
class View:
    """`messages` are the ids of those that hold an attachment, by its own id; `base_url` is where links lead."""

    base_url: str
    messages: dict[int, str]

    @classmethod
    async def of(
        cls, services: Services, caller: Principal, base_url: str, shown: Sequence[Attachment]
    ) -> View:
        holders = await services.containers.holders(caller, shown) if shown else {}
        messages = {
            id: each.ref.external_id
            for id, containers in holders.items()
            for each in containers
            if each.ref.kind == MESSAGE
        }
        return cls(base_url, messages)

    def attachment(self, attachment: Attachment) -> shapes.Attachment:
        name = attachment.name or NAMELESS
        path = f"/assets/attachments/{attachment.public_id}/{quote(name, safe='')}"
        return shapes.Attachment(
            id=attachment.public_id,
            message_id=self.messages.get(attachment.id),
            filename=name,
            file_url=self.base_url + path,
            file_type=attachment.media_type,
            file_size=attachment.size,
            created_at=attachment.created_at // 1000,
        )


async def message_shapes(
    services: Services, base_url: str, messages: Sequence[Container]
) -> list[shapes.Message]:
    """With what they hold now: an attachment that was deleted is not part of a message any more."""
    held = await services.containers.held_by_each(messages)
    return [
        _message_shape(base_url, each, [claim.attachment for claim in held.get(each.id, ())])
        for each in messages
    ]


def _message_shape(base_url: str, message: Container, held: Sequence[Attachment]) -> shapes.Message:
    view = View(base_url, {each.id: message.ref.external_id for each in held})
    body = message.body
    return shapes.Message(
        id=message.ref.external_id,
        conversation_id=body["conversation_id"],
        contact=shapes.Contact(**body["contact"]),
        message=body["message"],
        reactions=body["reactions"],
        attachments=[view.attachment(each) for each in held],
        read_at=None,
        created_at=message.created_at // 1000,
        updated_at=message.updated_at // 1000 if message.version > 1 else None,
    )


def conversation_shape(conversation: Container) -> shapes.Conversation:
    return shapes.Conversation(
        id=conversation.ref.external_id, created_at=conversation.created_at // 1000
    )
