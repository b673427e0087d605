"""A form with one file, and the name in the query: turned into a deposit."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.requests import Request

from coatcheck.domain.attachment import Attachment
from coatcheck.domain.container import ContainerRef
from coatcheck.domain.errors import Missing, TooLarge, Unsupported
from coatcheck.domain.media_type import choose_media_type
from coatcheck.domain.names import clean_filename
from coatcheck.domain.principal import Principal
from coatcheck.services.commands import Deposit, Description
from coatcheck.services.uploads import Uploads
from coatcheck.web.config import WireConfig
from coatcheck.web.dialects.tracker.showing import NAMELESS
from coatcheck.web.empty_retries import Attempt
from coatcheck.web.headers import single
from coatcheck.web.headers.content_encoding import refuse_encoded
from coatcheck.web.multipart import FileForm, FormPart
from coatcheck.web.streaming import RequestBody

#: What a form may hold besides its file.
_AROUND = 2 * 1024 * 1024


async def take_file(
    request: Request,
    uploads: Uploads,
    caller: Principal,
    body: RequestBody,
    config: WireConfig,
    attempt: Attempt,
    *,
    into: ContainerRef | None = None,
) -> Attachment:
    """The form's first file, stored: for a while, or `into` a container.

    Named by the query, else by its part. Raises what Uploads raises, and Missing, Malformed, BadName, Rejected.
    """
    if body.declared is not None and body.declared > config.tracker_max_size + _AROUND:
        raise TooLarge(limit=config.tracker_max_size)
    given = request.query_params.get("filename")
    name = clean_filename(given) if given else None
    sent = await _open(request.headers, body)
    name = name or clean_filename(sent.filename or NAMELESS)

    async def describe(head: bytes) -> Description:
        await attempt.expect_bytes()
        return Description(name=name, media_type=choose_media_type(sent.content_type, name, head))

    return await uploads.deposit(
        Deposit(
            caller=caller,
            dialect="tracker",
            body=attempt.data(given or name, sent.data),
            describe=describe,
            max_size=config.tracker_max_size,
            lifetime=None if into else config.tracker_temp_ttl,
            into=into,
        )
    )


async def _open(headers: Headers, body: RequestBody) -> FormPart:
    refuse_encoded(headers)
    try:
        form = await FileForm.open(body, single(headers, "content-type"), file=None)
    except Unsupported:
        raise Missing("File part is missing.", field="file") from None
    if form.file is None:
        raise Missing("File part is missing.", field="file")
    return form.file
