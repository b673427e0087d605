"""Direct uploads: prepared here, sent by a form to the store itself, and asked for here when they are there.

An installation whose store takes no forms says so, as upstream does where files lie on a disk, and clients then upload
as usual.
"""

from __future__ import annotations

from contextlib import suppress

from starlette.requests import Request

from coatcheck.blobs.base import SignedForm
from coatcheck.domain import attachment as truth
from coatcheck.domain.claim import ById, Wanted
from coatcheck.domain.container import ContainerRef
from coatcheck.domain.digest import MD5
from coatcheck.domain.errors import NotFound
from coatcheck.domain.principal import Principal
from coatcheck.services.bundle import Services
from coatcheck.services.commands import Begin, ClaimAttachments, Placement, Receive
from coatcheck.services.names import key_of_begun
from coatcheck.web.config import WireConfig
from coatcheck.web.dependencies import body_of
from coatcheck.web.dialects.openproject.asking import FORM, expect
from coatcheck.web.dialects.openproject.errors import violation
from coatcheck.web.dialects.openproject.form import read_announcement
from coatcheck.web.dialects.openproject.hal import ROOT, FormLink, Link
from coatcheck.web.dialects.openproject.kinds import Kind
from coatcheck.web.dialects.openproject.shapes import AttachmentUpload, AttachmentUploadLinks
from coatcheck.web.dialects.openproject.shown import (
    NAMELESS,
    attachment_href,
    instant,
    text,
    user_link,
)
from coatcheck.web.dialects.openproject.uploading import allowed_type

_UNAVAILABLE = (
    "Direct file upload is not available due to a system configuration issue. "
    "Please contact your administrator."
)


async def prepare(
    request: Request,
    caller: Principal,
    services: Services,
    config: WireConfig,
    into: tuple[Kind, int] | None = None,
) -> AttachmentUpload:
    """Reserve a place, and tell where its bytes go. Raises what is wrong with its metadata first."""
    content_type = expect(request, FORM)
    if not services.form_uploads.offered:
        raise violation("file", _UNAVAILABLE)
    metadata, size = await read_announcement(body_of(request), content_type)
    media_type = allowed_type(config.openproject_allowlist, metadata.name, b"")
    upload, form = await services.form_uploads.prepare(
        Begin(
            caller=caller,
            dialect="openproject",
            name=metadata.name,
            media_type=media_type,
            description=metadata.description,
            size=size,
            max_size=config.openproject_max_size,
            part_size=size,
            window=config.openproject_ttl,
        )
    )
    return await _shown(services, caller, upload, form, into)


async def take_in(
    caller: Principal,
    services: Services,
    config: WireConfig,
    id: int,
    into: ContainerRef | None = None,
) -> None:
    """What the form of that upload has left becomes its bytes; nothing happens where there is none of either."""
    with suppress(NotFound):
        if left := await services.form_uploads.left(caller, "openproject", ById(id)):
            upload, body = left
            placement = Placement(key=key_of_begun(upload.public_id), total=upload.size, start=0)

            async def place(head: bytes) -> Placement:
                media_type = allowed_type(
                    config.openproject_allowlist, upload.name or NAMELESS, head
                )
                return Placement(
                    key=placement.key, total=upload.size, start=0, media_type=media_type
                )

            await services.uploads.receive(
                Receive(
                    caller=caller,
                    dialect="openproject",
                    body=body,
                    place=place,
                    known=placement,
                    size=upload.size,
                    max_part_size=upload.size,
                    max_size=upload.size,
                    window=config.openproject_ttl,
                    sliding=False,
                    shared=False,
                    begun=True,
                    replay_any=True,
                    lifetime=config.openproject_ttl,
                    digests=frozenset({MD5}),
                )
            )
        if into:
            await services.claims.claim(
                ClaimAttachments(
                    caller=caller, ref=into, wanted=(Wanted(reference=ById(id)),), exclusive=True
                )
            )


async def _shown(
    services: Services,
    caller: Principal,
    upload: truth.Attachment,
    form: SignedForm,
    into: tuple[Kind, int] | None,
) -> AttachmentUpload:
    people = await services.people.some(caller, [upload.owner_id])
    self = attachment_href(upload.id)
    content = Link(href=f"{self}/content")
    container = f"{ROOT}/{into[0].path}/{into[1]}" if into else None
    name = upload.name or NAMELESS
    return AttachmentUpload(
        id=upload.id,
        file_name=name,
        file_size=upload.size,
        description=text(upload.description),
        content_type=upload.media_type,
        created_at=instant(upload.created_at),
        links=AttachmentUploadLinks(
            self_=Link(href=f"{ROOT}/attachment_upload/{upload.id}", title=name),
            author=user_link(upload.owner_id, people),
            container=Link(href=container),
            static_download_location=content,
            download_location=content,
            add_attachment=FormLink(href=form.url, method="post", form_fields=form.fields),
            complete_upload=Link(
                href=f"{container}/attachments/{upload.id}/uploaded"
                if container
                else f"{self}/uploaded"
            ),
            delete=Link(href=self, method="delete"),
        ),
    )
