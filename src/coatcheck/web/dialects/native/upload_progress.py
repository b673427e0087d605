"""An upload in parts as the native API shows it: what is there, and where the rest goes."""

from __future__ import annotations

from coatcheck.domain.attachment import Attachment
from coatcheck.domain.principal import Principal
from coatcheck.domain.slot import cut
from coatcheck.services.bundle import Services
from coatcheck.services.direct_uploads import OFFERED, Begun, Offer
from coatcheck.web.dialects.native.shapes import PartShape, PutShape, UploadShape
from coatcheck.web.dialects.native.showing import ROOT, View, instant


def upload_address(base: str, upload: Attachment) -> str:
    return f"{base}{ROOT}/uploads/{upload.public_id}"


async def shown_upload(
    services: Services, caller: Principal, base: str, begun: Begun, *, urls: bool
) -> UploadShape:
    """With `urls`, where the first of the missing parts go: to the store, or to us where that takes none itself."""
    upload = begun.upload
    missing = {span.start for span in begun.missing()}
    offers = await services.direct_uploads.offers(begun) if urls else {}
    offered = {span.start for span in begun.missing()[:OFFERED]} if urls else set()
    parts = [
        PartShape(
            number=number,
            start=span.start,
            size=span.size,
            there=span.start not in missing,
            put=_put(base, upload, number, span.size, offers.get(span.start))
            if span.start in offered
            else None,
        )
        for number, span in enumerate(cut(upload), 1)
    ]
    attachment = None
    if begun.complete:
        attachment = (await View.of(services, caller, base, [upload])).attachment(upload)
    return UploadShape(
        id=upload.public_id,
        state="complete" if begun.complete else "open",
        name=upload.name,
        media_type=upload.media_type,
        size=upload.size,
        received=upload.received,
        part_size=upload.part_size or upload.size,
        expires_at=None
        if begun.complete or upload.expires_at is None
        else instant(upload.expires_at),
        parts=parts,
        attachment=attachment,
    )


def _put(base: str, upload: Attachment, number: int, size: int, offer: Offer | None) -> PutShape:
    if offer is None:
        return PutShape(
            url=f"{upload_address(base, upload)}/parts/{number}",
            headers={"Content-Length": str(size)},
            with_key=True,
            expires_at=None if upload.expires_at is None else instant(upload.expires_at),
        )
    return PutShape(
        url=offer.request.url,
        headers=offer.request.headers,
        with_key=False,
        expires_at=instant(offer.until),
    )
