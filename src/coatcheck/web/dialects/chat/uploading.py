"""The form of an upload, turned into a deposit."""

from __future__ import annotations

from starlette.requests import Request

from coatcheck.domain.attachment import Attachment
from coatcheck.domain.container import Container
from coatcheck.domain.errors import Invalid, Missing, NotFound, TooLarge
from coatcheck.domain.media_type import choose_media_type
from coatcheck.domain.names import clean_filename
from coatcheck.domain.principal import Principal
from coatcheck.services.bundle import Services
from coatcheck.services.commands import Deposit, Description
from coatcheck.web.config import WireConfig
from coatcheck.web.dialects.chat.naming import NAMELESS, conversation_ref, message_ref
from coatcheck.web.dialects.chat.reading import MOST_ATTACHMENTS, too_many
from coatcheck.web.headers import single
from coatcheck.web.headers.content_encoding import refuse_encoded
from coatcheck.web.multipart import FileForm
from coatcheck.web.streaming import RequestBody

#: What a form may hold besides its file.
_AROUND = 2 * 1024 * 1024

_NO_CONTENT = "file must be uploaded as multipart file content (with curl: -F file=@name)."


async def take_file(
    request: Request, services: Services, caller: Principal, body: RequestBody, config: WireConfig
) -> Attachment:
    """Kept for ever, until it is deleted. A message is named before the file, a conversation also after it.

    Raises what Uploads raises, and Missing, Malformed, BadName, Invalid.
    """
    refuse_encoded(request.headers)
    if body.declared is not None and body.declared > config.max_size + _AROUND:
        raise TooLarge(limit=config.max_size)
    form = await FileForm.open(
        body, single(request.headers, "content-type"), fields=("conversation_id", "message_id")
    )
    sent = form.file
    if sent is None:
        raise Missing(_NO_CONTENT if "file" in form.fields else "file is required.", field="file")
    name = clean_filename(sent.filename or NAMELESS)
    message_id = form.fields.get("message_id")
    message = await _own_message(services, caller, message_id) if message_id else None
    if message and len(await services.claims.held(caller, message.ref)) >= MOST_ATTACHMENTS:
        raise too_many("message_id")

    async def describe(head: bytes) -> Description:
        if form.fields.get("message_id") != message_id:
            raise Invalid("message_id has to come before the file.", field="message_id")
        conversation = form.fields.get("conversation_id") or None
        if conversation:
            conversation_ref(conversation)
        if conversation and message and message.body["conversation_id"] != conversation:
            raise Invalid("The message is in another conversation.", field="conversation_id")
        return Description(
            name=name,
            media_type=choose_media_type(sent.content_type, name, head),
            grouping=conversation,
        )

    deposit = Deposit(
        caller=caller,
        dialect="chat",
        body=sent.data,
        describe=describe,
        max_size=config.max_size,
        lifetime=None,
        into=message.ref if message else None,
    )
    try:
        return await services.uploads.deposit(deposit)
    except NotFound:  # it was deleted meanwhile
        raise _no_message() from None


async def _own_message(services: Services, caller: Principal, id: str) -> Container:
    """Only its sender adds to a message. Raises Invalid."""
    try:
        found = await services.containers.get(caller, message_ref(id))
    except NotFound:
        raise _no_message() from None
    if found.owner_id != caller.id:
        raise _no_message()
    return found


def _no_message() -> Invalid:
    return Invalid("There is no such message.", field="message_id")
