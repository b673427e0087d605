"""Messages: they take attachments with them. What they hold is theirs alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coatcheck.domain.claim import Claim
from coatcheck.domain.container import Container, ContainerRef, Sieve
from coatcheck.domain.errors import Invalid, NotFound
from coatcheck.domain.pages import Mark
from coatcheck.domain.principal import Principal
from coatcheck.services.bundle import Services
from coatcheck.services.commands import AmendContainer, CreateContainer, DeleteContainer
from coatcheck.services.names import new_public_id
from coatcheck.web.dependencies import BaseUrl, Body, Desk
from coatcheck.web.dialects.chat.asking import Caller, ObjectId, window_of
from coatcheck.web.dialects.chat.documenting import failures, message_fields, pages
from coatcheck.web.dialects.chat.reading import Fields, read_fields
from coatcheck.web.dialects.chat.shapes import Message, Messages
from coatcheck.web.dialects.chat.showing import CONVERSATION, MESSAGE, message_shape

router = APIRouter()


@router.get("", summary="Messages, newest first", responses=failures(400), openapi_extra=pages())
async def list_messages(
    request: Request, caller: Caller, services: Desk, base: BaseUrl
) -> Messages:
    async def mark_of(id: str) -> Mark:
        found = await services.containers.get(caller, _ref(id))
        return Mark(found.created_at, found.id)

    window = await window_of(request, mark_of)
    conversation = request.query_params.get("conversation_id")
    sieve = Sieve(fields={} if conversation is None else {"conversation_id": [conversation]})
    page = await services.containers.page(caller, MESSAGE, window, sieve)
    return Messages(
        has_more=page.newer if window.before else page.older,
        data=[await message_shape(services, base, each) for each in page.items],
    )


@router.post(
    "",
    summary="Send a message, with attachments",
    status_code=201,
    response_model=Message,
    responses=failures(400),
    openapi_extra=message_fields("conversation_id", "message"),
)
async def send(
    request: Request, caller: Caller, services: Desk, body: Body, base: BaseUrl
) -> Response:
    message = await _create(services, caller, await read_fields(request, body))
    shown = await message_shape(services, base, message)
    return JSONResponse(
        shown.model_dump(),
        status_code=201,
        headers={"Location": f"{base}/v1/messages/{shown.id}"},
    )


@router.get("/{id}", summary="One message", responses=failures(404))
async def show(id: ObjectId, caller: Caller, services: Desk, base: BaseUrl) -> Message:
    return await message_shape(services, base, await services.containers.get(caller, _ref(id)))


@router.put(
    "/{id}",
    summary="Change a message, or what is attached to it",
    description="With `attachments`, those are all that it has; the others are kept, detached.",
    responses=failures(400, 404),
    openapi_extra=message_fields(),
)
async def change(
    id: ObjectId, request: Request, caller: Caller, services: Desk, body: Body, base: BaseUrl
) -> Message:
    message = await _amend(services, caller, _ref(id), await read_fields(request, body))
    return await message_shape(services, base, message)


@router.delete(
    "/{id}",
    summary="Delete a message; its attachments are kept, detached",
    status_code=204,
    responses=failures(404),
)
async def delete(id: ObjectId, caller: Caller, services: Desk) -> Response:
    await services.containers.delete(
        DeleteContainer(
            caller=caller, ref=_ref(id), tombstone=lambda _message, _now: {}, keep_bytes=True
        )
    )
    return Response(status_code=204)


async def _create(services: Services, caller: Principal, fields: Fields) -> Container:
    fields.required("conversation_id")
    conversation = ContainerRef(CONVERSATION, fields.id("conversation_id") or "")
    said = {
        "conversation_id": conversation.external_id,
        "contact": {
            "id": str(caller.id),
            "username": caller.login,
            "display_name": caller.display,
        },
        "message": fields.required("message"),
        "reactions": _reactions(fields) or [],
    }
    command = CreateContainer(
        caller=caller,
        ref=_ref(new_public_id()),
        wanted=fields.attachments() or (),
        compose=lambda _message, _claims, _now: said,
        exclusive=True,
        parent=conversation,
    )
    await services.containers.make_known(caller, conversation)
    try:
        return await services.containers.create(command)
    except NotFound:
        raise _unknown_attachment() from None


async def _amend(
    services: Services, caller: Principal, ref: ContainerRef, fields: Fields
) -> Container:
    message, reactions = fields.text("message"), _reactions(fields)

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


def _reactions(fields: Fields) -> list[str] | None:
    given = fields.values.get("reactions")
    if given is None:
        return None
    listed = given if isinstance(given, list) else [given]
    reactions = [each for each in listed if isinstance(each, str)]
    if len(reactions) != len(listed):
        raise Invalid("reactions has to be a list of strings.", field="reactions")
    return reactions


def _unknown_attachment() -> Invalid:
    return Invalid("attachments names one that does not exist.", field="attachments")


def _ref(id: str) -> ContainerRef:
    return ContainerRef(MESSAGE, id)
