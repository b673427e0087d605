"""The files of an issue: its own, and those that came with its comments."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from coatcheck.domain.claim import ById, Wanted
from coatcheck.domain.container import Container
from coatcheck.domain.errors import NotFound
from coatcheck.domain.principal import Person, Principal
from coatcheck.services.bundle import Services
from coatcheck.services.commands import AmendContainer, ReleaseAttachments
from coatcheck.web.dependencies import Body, Config, Desk
from coatcheck.web.dialects.tracker.asking import Addresses, Caller
from coatcheck.web.dialects.tracker.documenting import (
    answers,
    bytes_answers,
    file_body,
    list_of,
    picture_answers,
)
from coatcheck.web.dialects.tracker.errors import BadFields
from coatcheck.web.dialects.tracker.finding import COMMENT, find_attached, find_issue, find_person
from coatcheck.web.dialects.tracker.links import Links
from coatcheck.web.dialects.tracker.reading import bytes_of, thumbnail_of
from coatcheck.web.dialects.tracker.shapes import Attachment
from coatcheck.web.dialects.tracker.showing import Held, View, answer
from coatcheck.web.dialects.tracker.uploading import take_file
from coatcheck.web.empty_retries import Attempted
from coatcheck.web.routing import Router

router = Router()

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?[+ -]\d\d:?\d\d")


@router.get(
    "/issues/{key}/attachments",
    summary="The files of an issue and of its comments",
    responses=answers(200, list_of(Attachment), 404),
)
async def list_attached(key: str, caller: Caller, services: Desk, links: Addresses) -> Response:
    issue = await find_issue(services, caller, key)
    held = await services.containers.held_within(caller, issue.ref, COMMENT)
    return answer(await _shown(services, caller, issue, held, links))


@router.post(
    "/issues/{key}/attachments",
    summary="Upload a file to an issue",
    status_code=201,
    responses=answers(201, Attachment, 400, 404, 413, 422),
    openapi_extra=file_body(),
)
async def attach(
    attempt: Attempted,
    key: str,
    request: Request,
    caller: Caller,
    services: Desk,
    config: Config,
    body: Body,
    links: Addresses,
    filename: str | None = None,
) -> Response:
    issue = await find_issue(services, caller, key)
    attachment = await take_file(
        request, services.uploads, caller, body, config, attempt, into=issue.ref
    )
    view = await View.of(services, caller, links, [attachment])
    shown = view.attachment(attachment, issue=issue)
    return answer(shown, 201, location=shown.self)


@router.post(
    "/issues/{key}/attachments/_import",
    summary="Upload a file to an issue, told who attached it and when",
    responses=answers(200, Attachment, 400, 404, 413, 422),
    openapi_extra=file_body(),
)
async def attach_imported(
    attempt: Attempted,
    key: str,
    request: Request,
    caller: Caller,
    services: Desk,
    config: Config,
    body: Body,
    links: Addresses,
    filename: str = "",
    createdAt: str = "",  # noqa: N803
    createdBy: str = "",  # noqa: N803
) -> Response:
    issue = await find_issue(services, caller, key)
    at, by = await _origin(services, caller, filename, createdAt, createdBy)
    attachment = await take_file(request, services.uploads, caller, body, config, attempt)
    id = attachment.id
    origin = {"at": at, "by": by.id}
    issue = await services.containers.amend(
        AmendContainer(
            caller=caller,
            ref=issue.ref,
            wanted=(Wanted(reference=ById(id)),),
            compose=lambda held, *_: {
                **held.body,
                "imported": {**held.body.get("imported", {}), str(id): origin},
                "updated_by": caller.id,
            },
            exclusive=True,
            own=False,
        )
    )
    (shown,) = await _shown(
        services, caller, issue, [await find_attached(services, caller, issue, str(id))], links
    )
    return answer(shown, location=shown.self)


@router.get(
    "/issues/{key}/attachments/{id}",
    summary="One file of an issue",
    responses=answers(200, Attachment, 404),
)
async def show(key: str, id: str, caller: Caller, services: Desk, links: Addresses) -> Response:
    issue = await find_issue(services, caller, key)
    held = [await find_attached(services, caller, issue, id)]
    return answer((await _shown(services, caller, issue, held, links))[0])


@router.get(
    "/issues/{key}/attachments/{id}/{name}",
    summary="The bytes of a file of an issue",
    response_class=Response,
    responses=bytes_answers(),
)
async def download(
    key: str, id: str, name: str, request: Request, caller: Caller, services: Desk
) -> Response:
    issue = await find_issue(services, caller, key)
    _, claim = await find_attached(services, caller, issue, id)
    return await bytes_of(request, services, caller, claim.attachment.id)


@router.get(
    "/issues/{key}/thumbnails/{id}",
    summary="A small picture of an image of an issue",
    response_class=Response,
    responses=picture_answers(),
)
async def thumbnail(key: str, id: str, caller: Caller, services: Desk) -> Response:
    issue = await find_issue(services, caller, key)
    _, claim = await find_attached(services, caller, issue, id)
    return await thumbnail_of(services, caller, claim.attachment.id)


@router.delete(
    "/issues/{key}/attachments/{id}",
    summary="Delete a file of an issue",
    status_code=204,
    responses=answers(204, None, 404),
)
async def delete(key: str, id: str, caller: Caller, services: Desk) -> Response:
    issue = await find_issue(services, caller, key)
    holder, claim = await find_attached(services, caller, issue, id)
    await services.claims.release(
        ReleaseAttachments(
            caller=caller,
            ref=holder.ref,
            references=(ById(claim.attachment.id),),
            delete=True,
        )
    )
    return Response(status_code=204)


async def _shown(
    services: Services, caller: Principal, issue: Container, held: Held, links: Links
) -> list[Attachment]:
    view = await View.of(services, caller, links, (claim.attachment for _, claim in held), issue)
    return [view.attachment(claim.attachment, issue=issue, holder=holder) for holder, claim in held]


async def _origin(
    services: Services, caller: Principal, filename: str, created_at: str, created_by: str
) -> tuple[int, Person]:
    """When, in ms since 1970, and who. Raises BadFields."""
    errors: dict[str, str] = {}
    by: Any = None
    if not filename:
        errors["filename"] = "File name is required."
    if (at := _time(created_at)) is None:
        errors["createdAt"] = "A time like 2017-06-11T05:16:01.339+0000 is expected."
    try:
        by = await find_person(services, caller, created_by)
    except NotFound:
        errors["createdBy"] = "User does not exist."
    if errors or at is None:
        raise BadFields(errors)
    return at, by


def _time(text: str) -> int | None:
    if not _TIME.fullmatch(text):
        return None
    try:
        # A space is what a plus in a query stands for.
        return int(datetime.fromisoformat(text.replace(" ", "+")).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
