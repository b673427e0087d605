"""Who the caller is, who others are, and which fields an issue has: what clients ask for before they do anything."""

from __future__ import annotations

from starlette.responses import Response

from coatcheck.web.dependencies import Desk
from coatcheck.web.dialects.tracker.asking import Addresses, Caller
from coatcheck.web.dialects.tracker.documenting import answers, list_of
from coatcheck.web.dialects.tracker.finding import find_person
from coatcheck.web.dialects.tracker.shapes import FieldSchema, IssueField, User
from coatcheck.web.dialects.tracker.showing import answer, user_of
from coatcheck.web.routing import Router

router = Router()

#: id -> (name, type, what an array is of, required, read-only). Tracker's Python client knows no other attributes.
_FIELDS: dict[str, tuple[str, str, str | None, bool, bool]] = {
    "key": ("Key", "string", None, True, True),
    "summary": ("Summary", "string", None, True, False),
    "description": ("Description", "string", None, False, False),
    "queue": ("Queue", "queue", None, True, False),
    "type": ("Type", "issuetype", None, False, False),
    "priority": ("Priority", "priority", None, False, False),
    "status": ("Status", "status", None, True, True),
    "parent": ("Parent", "issue", None, False, False),
    "assignee": ("Assignee", "user", None, False, False),
    "followers": ("Followers", "array", "user", False, False),
    "sprint": ("Sprint", "array", "sprint", False, False),
    "attachments": ("Attachments", "array", "attachment", False, True),
    "createdAt": ("Created", "datetime", None, True, True),
    "createdBy": ("Author", "user", None, True, True),
    "updatedAt": ("Updated", "datetime", None, True, True),
    "updatedBy": ("Updated by", "user", None, False, True),
    "votes": ("Votes", "integer", None, False, True),
    "favorite": ("Favorite", "boolean", None, False, True),
    "version": ("Version", "integer", None, True, True),
}


@router.get("/myself", summary="The caller", responses=answers(200, User))
async def myself(caller: Caller, services: Desk, links: Addresses) -> Response:
    return answer(user_of(await services.people.find(caller, caller.id), links))


@router.get("/users/{id}", summary="A user, by number or login", responses=answers(200, User, 404))
async def user(id: str, caller: Caller, services: Desk, links: Addresses) -> Response:
    return answer(user_of(await find_person(services, caller, id), links))


@router.get("/fields", summary="The fields of issues", responses=answers(200, list_of(IssueField)))
async def fields(caller: Caller, links: Addresses) -> Response:
    return answer(
        [
            IssueField(
                self=links.listed("fields", id),
                id=id,
                key=id,
                name=name,
                schema=FieldSchema(type=type_, items=items, required=required),
                readonly=readonly,
            )
            for id, (name, type_, items, required, readonly) in _FIELDS.items()
        ]
    )
