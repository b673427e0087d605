"""/api/large_files: a file in chunks 1, 2, 3, …, in any order, each as often as the client likes."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from coatcheck.domain.errors import TooLarge
from coatcheck.services.commands import Placement, Receive
from coatcheck.web.dependencies import Body, Config, Desk
from coatcheck.web.dialects.attachfast.asking import Caller
from coatcheck.web.dialects.attachfast.documentation import failures, form
from coatcheck.web.dialects.attachfast.forms import open_form
from coatcheck.web.dialects.attachfast.placing import has_all, read_chunk
from coatcheck.web.dialects.attachfast.shapes import ChunkPending, UploadComplete
from coatcheck.web.routing import Router

router = Router()

_MIB = 1024 * 1024


@router.post(
    "/large_files",
    status_code=202,
    response_description="The chunk is kept; others are still missing",
    summary="Upload a chunk of a large file",
    responses={
        201: {"model": UploadComplete, "description": "This was the last one that was missing"},
        **failures(400, 401, 422, 500, 507),
    },
    openapi_extra=form(
        ["chunk", "total_size", "key"],
        chunk={"type": "integer", "minimum": 1, "description": "1, 2, 3, …"},
        total_size={"type": "integer", "minimum": 0, "description": "Of the whole file, in bytes"},
        key={
            "type": "string",
            "maxLength": 255,
            "description": "The same for all chunks of a file; it begins with the file's name.",
        },
        folder={"type": "string", "description": "Folders only: videos/2025"},
    ),
)
async def upload_chunk(
    request: Request,
    response: Response,
    caller: Caller,
    services: Desk,
    config: Config,
    body: Body,
) -> ChunkPending | UploadComplete:
    upload = await open_form(request, body, ("chunk", "total_size", "key", "folder"))
    known = read_chunk(upload, config).placement(config) if has_all(upload) else None

    async def place(head: bytes) -> Placement:
        return read_chunk(upload, config).placement(config, head)

    command = Receive(
        caller=caller,
        dialect="attachfast",
        body=upload.sent.data,
        place=place,
        known=known,
        max_part_size=config.max_chunk_size,
        max_size=config.max_size,
        window=config.partial_ttl,
        sliding=False,
        shared=True,
        replay_any=False,
        lifetime=None,
    )
    try:
        progress = await services.uploads.receive(command)
    except TooLarge as error:
        if "field" in error.facts:
            raise
        size = f"{config.max_chunk_size / _MIB:g}MB"
        said = (f"Chunk exceeds maximum size of {size}",)
        raise TooLarge(limit=config.max_chunk_size, messages=said) from None
    attachment = progress.attachment
    if not progress.complete:
        return ChunkPending(received_size=attachment.received, total_size=attachment.size)
    response.status_code = 201
    response.headers["Location"] = f"/api/files/{attachment.id}"
    return UploadComplete()
