"""Comments of an issue, and the files that come with them."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from coatcheck.domain.claim import Claim
from coatcheck.domain.container import Container, Series
from coatcheck.domain.principal import Principal
from coatcheck.services.bundle import Services
from coatcheck.services.commands import AmendContainer, CreateContainer, DeleteContainer
from coatcheck.web.dependencies import Body, Desk
from coatcheck.web.dialects.tracker.asking import Addresses, Caller
from coatcheck.web.dialects.tracker.documenting import COMMENT_FIELDS, answers, json_body, list_of
from coatcheck.web.dialects.tracker.drafts import (
    changed_comment,
    expected_version,
    id_of,
    new_comment,
    read_object,
)
from coatcheck.web.dialects.tracker.errors import lacking, matching
from coatcheck.web.dialects.tracker.finding import COMMENT, find_comment, find_issue
from coatcheck.web.dialects.tracker.issues import written
from coatcheck.web.dialects.tracker.links import Links
from coatcheck.web.dialects.tracker.shapes import Comment
from coatcheck.web.dialects.tracker.showing import View, answer
from coatcheck.web.routing import Router

router = Router()

#: The name of the series that numbers the comments of a tenant.
_NUMBERS = "comments"


@router.post(
    "/issues/{key}/comments",
    summary="Comment on an issue",
    status_code=201,
    responses=answers(201, Comment, 400, 404, 413, 422),
    openapi_extra=json_body(["text"], **COMMENT_FIELDS),
)
async def create(
    key: str, request: Request, caller: Caller, services: Desk, body: Body, links: Addresses
) -> Response:
    issue = await find_issue(services, caller, key)
    draft = new_comment(await read_object(request.headers, body))
    comment = await services.containers.create(
        CreateContainer(
            caller=caller,
            ref=Series(COMMENT, _NUMBERS),
            wanted=draft.wanted or (),
            compose=written(draft.values, caller),
            exclusive=True,
            parent=issue.ref,
        )
    )
    return await _shown(services, caller, comment, issue, links, status=201)


@router.get(
    "/issues/{key}/comments",
    summary="The comments of an issue, oldest first",
    responses=answers(200, list_of(Comment), 404),
)
async def list_comments(
    key: str,
    caller: Caller,
    services: Desk,
    links: Addresses,
    expand: str = "",
    perPage: str = "",  # noqa: N803
    id: str = "",
) -> Response:
    issue = await find_issue(services, caller, key)
    comments = _page(await services.containers.children(caller, issue.ref, COMMENT), id, perPage)
    held: dict[int, list[Claim]] = {}
    for holder, claim in await services.containers.held_within(caller, issue.ref, COMMENT):
        held.setdefault(holder.id, []).append(claim)
    view, expanded = await View.of(services, caller, links, (), *comments), _expanded(expand)
    return answer([view.comment(each, issue, held.get(each.id, []), expanded) for each in comments])


@router.get(
    "/issues/{key}/comments/{id}",
    summary="One comment",
    responses=answers(200, Comment, 404),
)
async def show(
    key: str, id: str, caller: Caller, services: Desk, links: Addresses, expand: str = ""
) -> Response:
    issue = await find_issue(services, caller, key)
    comment = await find_comment(services, caller, issue, id)
    return await _shown(services, caller, comment, issue, links, expand=expand)


@router.patch(
    "/issues/{key}/comments/{id}",
    summary="Change one's own comment; what attachmentIds names is attached besides what it has",
    responses=answers(200, Comment, 400, 404, 409, 412, 413, 422),
    openapi_extra=json_body([], **COMMENT_FIELDS),
)
async def change(
    key: str,
    id: str,
    request: Request,
    caller: Caller,
    services: Desk,
    body: Body,
    links: Addresses,
    version: str | None = None,
) -> Response:
    issue = await find_issue(services, caller, key)
    comment = await find_comment(services, caller, issue, id)
    draft = changed_comment(await read_object(request.headers, body))
    with lacking("Comment"), matching(request.headers):
        comment = await services.containers.amend(
            AmendContainer(
                caller=caller,
                ref=comment.ref,
                wanted=draft.wanted,
                compose=written(draft.values, caller),
                exclusive=True,
                version=expected_version(request.headers, version),
            )
        )
    return await _shown(services, caller, comment, issue, links)


@router.delete(
    "/issues/{key}/comments/{id}",
    summary="Delete one's own comment, and the files that came with it",
    status_code=204,
    responses=answers(204, None, 404),
)
async def delete(key: str, id: str, caller: Caller, services: Desk) -> Response:
    issue = await find_issue(services, caller, key)
    comment = await find_comment(services, caller, issue, id)
    with lacking("Comment"):
        await services.containers.delete(
            DeleteContainer(caller=caller, ref=comment.ref, tombstone=lambda _old, _now: {})
        )
    return Response(status_code=204)


async def _shown(
    services: Services,
    caller: Principal,
    comment: Container,
    issue: Container,
    links: Links,
    *,
    expand: str = "",
    status: int = 200,
) -> Response:
    claims = await services.containers.held_by(comment)
    view = await View.of(services, caller, links, (), comment)
    shown = view.comment(comment, issue, claims, _expanded(expand))
    return answer(shown, status, location=shown.self if status == 201 else None)


def _expanded(text: str) -> frozenset[str]:
    return frozenset(each.strip() for each in text.split(","))


def _page(comments: Sequence[Container], after: str, per_page: str) -> Sequence[Container]:
    """Those after the comment with that id; what makes no sense is not listened to."""
    last, size = id_of(after), id_of(per_page)
    if last is not None:
        comments = [each for each in comments if int(each.ref.external_id) > last]
    return comments[:size]
