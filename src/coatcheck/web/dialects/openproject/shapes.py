"""The HAL documents, key by key in the order of the specification."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from coatcheck.web.dialects.openproject.hal import FormLink, Link, Shape, is_none

_EXAMPLE_TIME = "2014-05-21T08:51:20Z"


class Text(Shape):
    """`html` is the text, escaped, in a paragraph; empty where the text is."""

    format: str = "plain"
    raw: str = Field(examples=["A picture of a cute cat"])
    html: str = Field(examples=["<p>A picture of a cute cat</p>"])


class Digest(Shape):
    algorithm: str = "md5"
    hash: str = Field(examples=["64c26a8403cd796ea4cf913cda2ee4a9"])


class AttachmentLinks(Shape):
    """`container.href` is null for as long as nothing has claimed the attachment; `delete` is there for whoever may."""

    self_: Link = Field(alias="self")
    author: Link
    container: Link
    static_download_location: Link
    download_location: Link
    delete: Link | None = Field(None, exclude_if=is_none)


class Attachment(Shape):
    """The size is there twice: the specification's example says `filesize`, its schema and its clients `fileSize`."""

    type_: Literal["Attachment"] = Field("Attachment", alias="_type")
    id: int
    title: str = Field(examples=["cat.png"])
    file_name: str = Field(examples=["cat.png"])
    file_size: int
    filesize: int = Field(alias="filesize")
    description: Text
    status: Literal["uploaded"] = "uploaded"
    content_type: str = Field(examples=["image/png"])
    digest: Digest | None = Field(description="Null where the stored bytes are damaged.")
    created_at: str = Field(examples=[_EXAMPLE_TIME])
    links: AttachmentLinks = Field(alias="_links")


class AttachmentUploadLinks(Shape):
    """`addAttachment` is where the bytes go, `completeUpload` what is asked for afterwards."""

    self_: Link = Field(alias="self")
    author: Link
    container: Link
    static_download_location: Link
    download_location: Link
    add_attachment: FormLink
    complete_upload: Link
    delete: Link


class AttachmentUpload(Shape):
    """An attachment whose bytes are still to come."""

    type_: Literal["AttachmentUpload"] = Field("AttachmentUpload", alias="_type")
    id: int
    file_name: str = Field(examples=["cat.png"])
    file_size: int
    description: Text
    status: Literal["prepared"] = "prepared"
    content_type: str = Field(examples=["image/png"])
    digest: None = None
    created_at: str = Field(examples=[_EXAMPLE_TIME])
    links: AttachmentUploadLinks = Field(alias="_links")


class SelfLink(Shape):
    self_: Link = Field(alias="self")


class AttachmentElements(Shape):
    elements: list[Attachment]


class AttachmentCollection(Shape):
    """All of them, oldest first; there are no pages."""

    type_: Literal["Collection"] = Field("Collection", alias="_type")
    total: int
    count: int
    embedded: AttachmentElements = Field(alias="_embedded")
    links: SelfLink = Field(alias="_links")


class WorkPackageLinks(Shape):
    self_: Link = Field(alias="self")
    project: Link
    type: Link
    status: Link
    priority: Link
    author: Link
    attachments: Link
    add_attachment: Link
    update: Link


class EmbeddedAttachments(Shape):
    attachments: AttachmentCollection


class WorkPackage(Shape):
    type_: Literal["WorkPackage"] = Field("WorkPackage", alias="_type")
    id: int
    lock_version: int
    subject: str
    description: Text
    created_at: str = Field(examples=[_EXAMPLE_TIME])
    updated_at: str = Field(examples=[_EXAMPLE_TIME])
    links: WorkPackageLinks = Field(alias="_links")
    embedded: EmbeddedAttachments = Field(alias="_embedded")


class RootLinks(Shape):
    self_: Link = Field(alias="self")
    configuration: Link
    user: Link


class Root(Shape):
    type_: Literal["Root"] = Field("Root", alias="_type")
    instance_name: str
    core_version: str
    links: RootLinks = Field(alias="_links")


class Configuration(Shape):
    """`maximumAttachmentFileSize` is in bytes. `allowedAttachmentTypes` is ours: empty allows everything."""

    type_: Literal["Configuration"] = Field("Configuration", alias="_type")
    maximum_attachment_file_size: int
    allowed_attachment_types: list[str]
    per_page_options: list[int]
    links: SelfLink = Field(alias="_links")


class User(Shape):
    type_: Literal["User"] = Field("User", alias="_type")
    id: int
    name: str
    login: str
    status: Literal["active"] = "active"
    links: SelfLink = Field(alias="_links")


class ProjectLinks(Shape):
    self_: Link = Field(alias="self")
    create_work_package_immediately: Link


class Project(Shape):
    type_: Literal["Project"] = Field("Project", alias="_type")
    id: int
    identifier: str
    name: str
    active: bool = True
    public: bool = False
    links: ProjectLinks = Field(alias="_links")


class ProjectElements(Shape):
    elements: list[Project]


class ProjectCollection(Shape):
    type_: Literal["Collection"] = Field("Collection", alias="_type")
    total: int
    count: int
    page_size: int
    offset: int = 1
    embedded: ProjectElements = Field(alias="_embedded")
    links: SelfLink = Field(alias="_links")


class ErrorDetails(Shape):
    attribute: str = Field(examples=["fileName"])


class ErrorEmbedded(Shape):
    """`details` names the property, `errors` holds the single errors of MultipleErrors."""

    details: ErrorDetails | None = None
    errors: list[Error] | None = None


class Error(Shape):
    type_: Literal["Error"] = Field("Error", alias="_type")
    error_identifier: str = Field(examples=["urn:openproject-org:api:v3:errors:NotFound"])
    message: str = Field(examples=["The requested resource could not be found."])
    embedded: ErrorEmbedded | None = Field(None, alias="_embedded")
