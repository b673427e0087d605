"""The JSON of Tracker's API, key by key in the order of its documentation. What is absent has no key."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

_EXAMPLE_TIME = "2017-06-11T05:16:01.339+0000"


class Shape(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Linked(Shape):
    self: str = Field(examples=["https://tracker.example/v2/…"])


class Errors(BaseModel):
    """Whatever went wrong: by field, or in sentences."""

    errors: dict[str, str] = Field(examples=[{}])
    errorMessages: list[str] = Field(examples=[["Attachment does not exist."]])  # noqa: N815
    statusCode: int = Field(examples=[404])  # noqa: N815


class UserRef(Linked):
    id: str = Field(examples=["robot"])
    display: str = Field(examples=["Robot"])


class Ref(Linked):
    id: str
    display: str


class KeyedRef(Linked):
    id: str
    key: str
    display: str


class Metadata(Shape):
    size: str = Field(examples=["128x128"], description="Of an image, in pixels")


class Attachment(Linked):
    """`thumbnail` and `metadata` are there for images; `comment_id` where a comment brought it."""

    id: str = Field(examples=["4"])
    name: str = Field(examples=["pic.png"])
    content: str
    thumbnail: str | None = None
    created_by: UserRef
    created_at: str = Field(examples=[_EXAMPLE_TIME])
    mimetype: str = Field(examples=["image/png"])
    size: int = Field(examples=[5678])
    metadata: Metadata | None = None
    comment_id: str | None = None


class Issue(Linked):
    id: str = Field(examples=["593cd211ef7e8a332414f2a7"])
    key: str = Field(examples=["TREK-1"])
    version: int
    parent: KeyedRef | None = None
    summary: str
    description: str | None = None
    sprint: list[Ref] | None = None
    type: KeyedRef
    priority: KeyedRef
    followers: list[UserRef] | None = None
    assignee: UserRef | None = None
    queue: KeyedRef
    status: KeyedRef
    created_at: str = Field(examples=[_EXAMPLE_TIME])
    created_by: UserRef
    updated_at: str = Field(examples=[_EXAMPLE_TIME])
    updated_by: UserRef
    votes: int = 0
    favorite: bool = False
    attachments: list[Ref]


class Comment(Linked):
    """`text_html` is there when expand asks for it."""

    id: int
    long_id: str
    text: str
    text_html: str | None = None
    attachments: list[Ref] | None = None
    summonees: list[UserRef] | None = None
    maillist_summonees: list[Ref] | None = None
    created_by: UserRef
    updated_by: UserRef
    created_at: str = Field(examples=[_EXAMPLE_TIME])
    updated_at: str = Field(examples=[_EXAMPLE_TIME])
    version: int
    type: str = "standard"
    transport: str = "internal"


class Entity(Linked):
    """A project, portfolio or goal; `attachments` are there when expand asks for them."""

    id: str
    version: int
    short_id: int
    entity_type: str
    created_by: UserRef
    created_at: str = Field(examples=[_EXAMPLE_TIME])
    updated_at: str = Field(examples=[_EXAMPLE_TIME])
    attachments: list[Attachment] | None = None


class FieldSchema(Shape):
    type: str
    items: str | None = None
    required: bool


class IssueField(Linked):
    id: str
    key: str
    name: str
    version: int = 1
    # pydantic has a method of that name.
    schema_: FieldSchema = Field(alias="schema")
    readonly: bool


class User(Linked):
    uid: int
    login: str
    tracker_uid: int
    passport_uid: int
    cloud_uid: str
    first_name: str
    last_name: str
    display: str
    email: str
    external: bool = False
    has_license: bool = True
    dismissed: bool = False
    use_new_filters: bool = True
    disable_notifications: bool = False
