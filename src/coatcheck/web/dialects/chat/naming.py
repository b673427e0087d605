"""What things are called here: attachments and messages by ids of ours, conversations by any name of the client's."""

from __future__ import annotations

import re

from coatcheck.domain.container import ContainerRef
from coatcheck.domain.errors import Invalid, NotFound

MESSAGE = "message"
CONVERSATION = "conversation"

#: What an attachment is called that was left through an API where it need not have a name.
NAMELESS = "file"

_ID = re.compile(r"[A-Za-z0-9]{16}")
_LONGEST = 255


def object_id(text: str) -> str:
    """Raises NotFound for what no object of ours can be called."""
    if _ID.fullmatch(text) is None:
        raise NotFound
    return text


def message_ref(id: str) -> ContainerRef:
    """Raises NotFound."""
    return ContainerRef(MESSAGE, object_id(id))


def conversation_ref(name: str) -> ContainerRef:
    """Raises Invalid for what no conversation can be called."""
    if not 1 <= len(name) <= _LONGEST or not name.isprintable():
        raise Invalid("conversation_id is not valid.", field="conversation_id")
    return ContainerRef(CONVERSATION, name)
