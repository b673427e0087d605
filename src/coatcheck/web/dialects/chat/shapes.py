"""What the chat API answers with; the order of fields is the wire's."""

from __future__ import annotations

from pydantic import BaseModel


class Attachment(BaseModel):
    """Exactly these. `created_at` is in seconds since 1970."""

    id: str
    message_id: str | None
    filename: str
    file_url: str
    file_type: str
    file_size: int
    created_at: int


class Contact(BaseModel):
    id: str
    username: str
    display_name: str


class Message(BaseModel):
    id: str
    conversation_id: str
    contact: Contact
    message: str
    reactions: list[str]
    attachments: list[Attachment]
    read_at: int | None
    created_at: int
    updated_at: int | None


class Conversation(BaseModel):
    id: str
    created_at: int


class Attachments(BaseModel):
    has_more: bool
    data: list[Attachment]


class Messages(BaseModel):
    has_more: bool
    data: list[Message]


class Conversations(BaseModel):
    has_more: bool
    data: list[Conversation]


class Error(BaseModel):
    type: str
    message: str
    documentation_url: str
