"""Messages: they take attachments with them. What they hold is theirs alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coatcheck.domain.claim import Claim
from coatcheck.domain.container import Container, ContainerRef, Sieve
from coatcheck.domain.errors import Invalid, NotFound
from coatcheck.domain.pages import Mark
from coatcheck.domain.principal import Principal
from coatcheck.services.bundle import Services
from coatcheck.services.commands import (
    AmendContainer,
    CreateContainer,
    DeleteContainer,
    RequestId,
)
from coatcheck.services.names import new_public_id
from coatcheck.web.dependencies import BaseUrl, Body, Desk
from coatcheck.web.dialects.chat.asking import Caller, OfMessage, wanted_conversation, window_of
from coatcheck.web.dialects.chat.documenting import (
    changed_message,
    failures,
    new_message,
    pages_within,
)
from coatcheck.web.dialects.chat.naming import MESSAGE, conversation_ref, message_ref
from coatcheck.web.dialects.chat.reading import Fields, read_fields
from coatcheck.web.dialects.chat.shapes import Message, Messages
from coatcheck.web.dialects.chat.showing import message_shapes
from coatcheck.web.headers import single
from coatcheck.web.routing import Router

router = Router()

_KEY = re.compile(r"[ -~]{1,255}")


@router.get(
    "", summary="Messages, newest first", responses=failures(400), openapi_extra=pages_within()
)
async def list_messages(
    request: Request, caller: Caller, services: Desk, base: BaseUrl
) -> Messages:
    async def mark_of(id: str) -> Mark:
        found = await services.containers.get(caller, message_ref(id))
        return Mark(found.created_at, found.id)

    window = await window_of(request, mark_of)
    sieve = Sieve(parent=wanted_conversation(request))
    page = await services.containers.page(caller, MESSAGE, window, sieve)
    return Messages(
        has_more=page.newer if window.before else page.older,
        data=await message_shapes(services, base, page.items),
    )


@router.post(
    "",
    summary="Send a message, with attachments",
    status_code=201,
    response_model=Message,
    responses=failures(400, 409),
    openapi_extra=new_message(),
)
async def send(
    request: Request, caller: Caller, services: Desk, body: Body, base: BaseUrl
) -> Response:
    fields = await read_fields(request, body)
    message = await _create(services, caller, fields, _request_id(request, fields))
    (shown,) = await message_shapes(services, base, [message])
    return JSONResponse(
        shown.model_dump(),
        status_code=201,
        headers={"Location": f"{base}/v1/messages/{shown.id}"},
    )


@router.get("/{id}", summary="One message", responses=failures(404))
async def show(caller: Caller, wanted: OfMessage, services: Desk, base: BaseUrl) -> Message:
    message = await services.containers.get(caller, wanted)
    return (await message_shapes(services, base, [message]))[0]


@router.put(
    "/{id}",
    summary="Change a message, or what is attached to it",
    description="With `attachments`, those are all that it has; the others are kept, detached.",
    responses=failures(400, 404),
    openapi_extra=changed_message(),
)
async def change(
    caller: Caller,
    wanted: OfMessage,
    request: Request,
    services: Desk,
    body: Body,
    base: BaseUrl,
) -> Message:
    message = await _amend(services, caller, wanted, await read_fields(request, body))
    return (await message_shapes(services, base, [message]))[0]


@router.delete(
    "/{id}",
    summary="Delete a message; its attachments are kept, detached",
    status_code=204,
    responses=failures(404),
)
async def delete(caller: Caller, wanted: OfMessage, services: Desk) -> Response:
    await services.containers.delete(
        DeleteContainer(
            caller=caller, ref=wanted, tombstone=lambda _message, _now: {}, keep_bytes=True
        )
    )
    return Response(status_code=204)


async def _create(
    services: Services, caller: Principal, fields: Fields, request: RequestId | None
) -> Container:
    conversation = conversation_ref(fields.required("conversation_id"))
    said = {
        "conversation_id": conversation.external_id,
        "contact": {
            "id": str(caller.id),
            "username": caller.login,
            "display_name": caller.display,
        },
        "message": fields.required("message"),
        "reactions": fields.reactions() or [],
    }
    command = CreateContainer(
        caller=caller,
        ref=message_ref(new_public_id()),
        wanted=fields.attachments() or (),
        compose=lambda _message, _claims, _now: said,
        exclusive=True,
        parent=conversation,
        with_parent=True,
        request=request,
    )
    try:
        return await services.containers.create(command)
    except NotFound:
        raise _unknown_attachment() from None


async def _amend(
    services: Services, caller: Principal, ref: ContainerRef, fields: Fields
) -> Container:
    message, reactions = fields.text("message"), fields.reactions()

    def compose(so_far: Container, _claims: Sequence[Claim] | None, _now: int) -> dict[str, Any]:
        changed = {"message": message, "reactions": reactions}
        return so_far.body | {name: value for name, value in changed.items() if value is not None}

    command = AmendContainer(
        caller=caller,
        ref=ref,
        wanted=fields.attachments(),
        compose=compose,
        exclusive=True,
        exactly=True,
        keep_bytes=True,
    )
    try:
        return await services.containers.amend(command)
    except NotFound as error:
        if "refusals" in error.facts:
            raise _unknown_attachment() from None
        raise


def _request_id(request: Request, fields: Fields) -> RequestId | None:
    """What tells this request from others, where its client says so. Raises Invalid."""
    given = single(request.headers, "idempotency-key")
    if given is None:
        return None
    if _KEY.fullmatch(given) is None:
        raise Invalid("Idempotency-Key has to be 1 to 255 characters of ASCII.")
    return RequestId(endpoint="chat messages", id=given, fingerprint=fields.fingerprint())


def _unknown_attachment() -> Invalid:
    return Invalid("attachments names one that does not exist.", field="attachments")
