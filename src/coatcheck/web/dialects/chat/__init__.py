"""A chat service's attachments: uploaded first, sent with a message later."""

from __future__ import annotations

from fastapi import Security

from coatcheck.web.dialect import Dialect
from coatcheck.web.dialects.chat import assets, attachments, conversations, messages
from coatcheck.web.dialects.chat.asking import SCHEMES
from coatcheck.web.dialects.chat.errors import STATUSES, render
from coatcheck.web.head import answer_head
from coatcheck.web.routing import Router

router = Router(tags=["chat"])

for _path, _part in (
    ("/attachments", attachments.router),
    ("/messages", messages.router),
    ("/conversations", conversations.router),
):
    answer_head(_part)
    router.include(
        _part, prefix="/v1" + _path, dependencies=[Security(scheme) for scheme in SCHEMES]
    )
answer_head(assets.router)
router.include(assets.router, prefix="/assets/attachments")

DIALECT = Dialect(
    name="chat",
    prefixes=("/v1", "/assets/attachments"),
    router=router,
    render=render,
    statuses=STATUSES,
)
