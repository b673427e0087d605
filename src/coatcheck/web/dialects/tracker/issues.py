"""Issues: what temporary files are attached to. Queues are made as they are named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from coatcheck.domain.claim import Claim
from coatcheck.domain.container import Container, Series
from coatcheck.domain.principal import Principal
from coatcheck.services.bundle import Services
from coatcheck.services.commands import AmendContainer, CreateContainer
from coatcheck.web.dependencies import Body, Desk
from coatcheck.web.dialects.tracker.asking import Addresses, Caller
from coatcheck.web.dialects.tracker.documenting import (
    ISSUE_FIELDS,
    NEW_ISSUE_FIELDS,
    answers,
    json_body,
)
from coatcheck.web.dialects.tracker.drafts import (
    ListChange,
    changed_issue,
    expected_version,
    new_issue,
    read_object,
)
from coatcheck.web.dialects.tracker.errors import lacking, matching
from coatcheck.web.dialects.tracker.finding import COMMENT, ISSUE, find_issue
from coatcheck.web.dialects.tracker.links import Links
from coatcheck.web.dialects.tracker.shapes import Issue
from coatcheck.web.dialects.tracker.showing import View, answer
from coatcheck.web.routing import Router

router = Router()


@router.post(
    "/issues",
    summary="Create an issue",
    status_code=201,
    responses=answers(201, Issue, 400, 404, 409, 413, 422),
    openapi_extra=json_body(["queue", "summary"], **NEW_ISSUE_FIELDS),
)
async def create(
    request: Request, caller: Caller, services: Desk, body: Body, links: Addresses
) -> Response:
    draft = new_issue(await read_object(request.headers, body))
    issue = await services.containers.create(
        CreateContainer(
            caller=caller,
            ref=Series(ISSUE, f"queue {draft.queue}", f"{draft.queue}-{{}}"),
            wanted=draft.wanted or (),
            compose=written(draft.values, caller),
            exclusive=True,
            alias=draft.unique,
        )
    )
    return await _shown(services, caller, issue, links, 201)


@router.post(
    "/issues/_findByUnique",
    summary="The issue that was created with this `unique`",
    responses=answers(200, Issue, 404),
)
async def find_by_unique(
    caller: Caller, services: Desk, links: Addresses, unique: str = ""
) -> Response:
    with lacking("Issue"):
        issue = await services.containers.find_by_alias(caller, ISSUE, unique)
    return await _shown(services, caller, issue, links)


@router.get("/issues/{key}", summary="One issue", responses=answers(200, Issue, 404))
async def show(key: str, caller: Caller, services: Desk, links: Addresses) -> Response:
    return await _shown(services, caller, await find_issue(services, caller, key), links)


@router.patch(
    "/issues/{key}",
    summary="Change an issue; what attachmentIds names is attached besides what it has",
    responses=answers(200, Issue, 400, 404, 409, 412, 413, 422),
    openapi_extra=json_body([], **ISSUE_FIELDS),
)
async def change(
    key: str,
    request: Request,
    caller: Caller,
    services: Desk,
    body: Body,
    links: Addresses,
    version: str | None = None,
) -> Response:
    issue = await find_issue(services, caller, key)
    draft = changed_issue(await read_object(request.headers, body))
    with matching(request.headers):
        changed = await services.containers.amend(
            AmendContainer(
                caller=caller,
                ref=issue.ref,
                wanted=draft.wanted,
                compose=written(draft.values, caller),
                exclusive=True,
                version=expected_version(request.headers, version),
                own=False,
            )
        )
    return await _shown(services, caller, changed, links)


def written(
    values: dict[str, Any], caller: Principal
) -> Callable[[Container, Sequence[Claim] | None, int], dict[str, Any]]:
    """What was there, and these on top of it."""

    def compose(container: Container, _claims: Sequence[Claim] | None, _now: int) -> dict[str, Any]:
        given = {
            name: value.applied(container.body.get(name) or [])
            if isinstance(value, ListChange)
            else value
            for name, value in values.items()
        }
        return {**container.body, **given, "updated_by": caller.id}

    return compose


async def _shown(
    services: Services, caller: Principal, issue: Container, links: Links, status: int = 200
) -> Response:
    held = await services.containers.held_within(caller, issue.ref, COMMENT)
    shown = (await View.of(services, caller, links, (), issue)).issue(issue, held)
    return answer(shown, status, location=shown.self if status == 201 else None)
