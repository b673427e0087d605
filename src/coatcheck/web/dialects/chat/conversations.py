"""Conversations: as much of them as messages and attachments need. One is known from its first message on."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coatcheck.domain.pages import Mark
from coatcheck.services.names import new_public_id
from coatcheck.web.dependencies import BaseUrl, Desk
from coatcheck.web.dialects.chat.asking import Caller, OfConversation, window_of
from coatcheck.web.dialects.chat.documenting import failures, pages
from coatcheck.web.dialects.chat.naming import CONVERSATION, conversation_ref
from coatcheck.web.dialects.chat.shapes import Conversation, Conversations
from coatcheck.web.dialects.chat.showing import conversation_shape
from coatcheck.web.routing import Router

router = Router()


@router.get(
    "", summary="Conversations, newest first", responses=failures(400), openapi_extra=pages()
)
async def list_conversations(request: Request, caller: Caller, services: Desk) -> Conversations:
    async def mark_of(id: str) -> Mark:
        found = await services.containers.get(caller, conversation_ref(id))
        return Mark(found.created_at, found.id)

    window = await window_of(request, mark_of)
    page = await services.containers.page(caller, CONVERSATION, window)
    return Conversations(
        has_more=page.newer if window.before else page.older,
        data=[conversation_shape(each) for each in page.items],
    )


@router.post(
    "",
    summary="Begin a conversation",
    status_code=201,
    response_model=Conversation,
    responses=failures(),
)
async def begin(caller: Caller, services: Desk, base: BaseUrl) -> Response:
    made = await services.containers.make_known(caller, conversation_ref(new_public_id()))
    shown = conversation_shape(made)
    return JSONResponse(
        shown.model_dump(),
        status_code=201,
        headers={"Location": f"{base}/v1/conversations/{shown.id}"},
    )


@router.get("/{id}", summary="One conversation", responses=failures(404))
async def show(caller: Caller, wanted: OfConversation, services: Desk) -> Conversation:
    return conversation_shape(await services.containers.get(caller, wanted))
