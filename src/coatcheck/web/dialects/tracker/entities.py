"""Files of projects, portfolios and goals, which are kept elsewhere: known here by their id, once they have a file."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated

from fastapi import Depends, Path
from starlette.responses import Response

from coatcheck.domain.claim import ById, Wanted
from coatcheck.domain.container import ContainerRef
from coatcheck.domain.errors import NotFound
from coatcheck.domain.names import clean_filename
from coatcheck.domain.principal import Principal
from coatcheck.services.bundle import Services
from coatcheck.services.commands import ClaimAttachments, ReleaseAttachments
from coatcheck.web.dependencies import Desk
from coatcheck.web.dialects.tracker.asking import Addresses, Caller
from coatcheck.web.dialects.tracker.documenting import answers, list_of
from coatcheck.web.dialects.tracker.errors import lacking
from coatcheck.web.dialects.tracker.finding import attachment_id
from coatcheck.web.dialects.tracker.links import Links
from coatcheck.web.dialects.tracker.shapes import Attachment, Entity
from coatcheck.web.dialects.tracker.showing import View, answer
from coatcheck.web.routing import Router

router = Router()


class Kind(StrEnum):
    PROJECT = "project"
    PORTFOLIO = "portfolio"
    GOAL = "goal"


_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


async def entity_of(
    kind: Annotated[str, Path(json_schema_extra={"enum": list(Kind)})], id: str
) -> ContainerRef:
    """Raises NotFound for what no entity can be called."""
    if kind not in set(Kind) or not _ID.fullmatch(id):
        raise NotFound("Entity does not exist.")
    return ContainerRef(kind, id)


Named = Annotated[ContainerRef, Depends(entity_of)]


@router.post(
    "/entities/{kind}/{id}/attachments/{file_id}",
    summary="Attach a temporary file",
    responses=answers(200, Entity, 400, 404, 422),
)
async def attach(
    file_id: str,
    caller: Caller,
    services: Desk,
    entity: Named,
    links: Addresses,
    filename: str = "",
    expand: str = "",
) -> Response:
    wanted = Wanted(
        reference=ById(attachment_id(file_id)), name=clean_filename(filename) if filename else None
    )
    await services.claims.claim(
        ClaimAttachments(caller=caller, ref=entity, wanted=(wanted,), exclusive=True)
    )
    return answer(await _shown(services, caller, entity, links, expand))


@router.get(
    "/entities/{kind}/{id}",
    summary="What is known of a project, portfolio or goal that has, or had, a file",
    responses=answers(200, Entity, 404),
)
async def show_entity(
    caller: Caller, services: Desk, entity: Named, links: Addresses, expand: str = ""
) -> Response:
    return answer(await _shown(services, caller, entity, links, expand))


@router.get(
    "/entities/{kind}/{id}/attachments",
    summary="The files that are attached",
    responses=answers(200, list_of(Attachment), 404),
)
async def list_attached(
    caller: Caller, services: Desk, entity: Named, links: Addresses
) -> Response:
    return answer(await _attachments(services, caller, entity, links))


@router.get(
    "/entities/{kind}/{id}/attachments/{file_id}",
    summary="One file that is attached",
    responses=answers(200, Attachment, 404),
)
async def show(
    file_id: str, caller: Caller, services: Desk, entity: Named, links: Addresses
) -> Response:
    id = attachment_id(file_id)
    _, claim = await services.containers.find_within(caller, entity, entity.kind, id)
    view = await View.of(services, caller, links, [claim.attachment])
    return answer(view.attachment(claim.attachment, name=claim.name))


@router.delete(
    "/entities/{kind}/{id}/attachments/{file_id}",
    summary="Delete a file that is attached",
    status_code=204,
    responses=answers(204, None, 404),
)
async def delete(file_id: str, caller: Caller, services: Desk, entity: Named) -> Response:
    reference = ById(attachment_id(file_id))
    await services.claims.release(
        ReleaseAttachments(caller=caller, ref=entity, references=(reference,), delete=True)
    )
    return Response(status_code=204)


async def _shown(
    services: Services, caller: Principal, entity: ContainerRef, links: Links, expand: str
) -> Entity:
    with lacking("Entity"):
        container = await services.containers.get(caller, entity)
    shown = (await View.of(services, caller, links, (), container)).entity(container)
    if "attachments" in expand.split(","):
        shown.attachments = await _attachments(services, caller, entity, links)
    return shown


async def _attachments(
    services: Services, caller: Principal, entity: ContainerRef, links: Links
) -> list[Attachment]:
    with lacking("Entity"):
        held = await services.claims.held(caller, entity)
    view = await View.of(services, caller, links, (each.attachment for each in held))
    return [view.attachment(each.attachment, name=each.name) for each in held]
