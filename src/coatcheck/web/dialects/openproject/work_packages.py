"""/api/v3/work_packages: containers that claim attachments as they are made and changed."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from coatcheck.domain.container import Container, Series
from coatcheck.domain.principal import Principal
from coatcheck.services.bundle import Services
from coatcheck.services.commands import AmendContainer, CreateContainer
from coatcheck.web.dependencies import Body, Desk
from coatcheck.web.dialects.openproject.asking import Caller, read_object
from coatcheck.web.dialects.openproject.documentation import failures, work_package
from coatcheck.web.dialects.openproject.hal import ROOT, HalResponse, Link
from coatcheck.web.dialects.openproject.kinds import WORK_PACKAGE
from coatcheck.web.dialects.openproject.linked import link_to, project_link
from coatcheck.web.dialects.openproject.shapes import (
    EmbeddedAttachments,
    WorkPackage,
    WorkPackageLinks,
)
from coatcheck.web.dialects.openproject.shown import collection, instant, text, user_link
from coatcheck.web.dialects.openproject.wishes import DEFAULTS, DEMO, Wishes, read_wishes
from coatcheck.web.ids import RecordId
from coatcheck.web.routing import Router

router = Router(response_class=HalResponse)

_SERIES = Series(WORK_PACKAGE.name, "work_packages")
_NEW = failures(400, 401, 415, 422)
_NEW_BODY = work_package(required=("subject",))


@router.post(
    "/work_packages",
    status_code=201,
    summary="Create a work package, with attachments",
    responses=_NEW,
    openapi_extra=_NEW_BODY,
)
async def create(
    request: Request, response: Response, caller: Caller, services: Desk, body: Body
) -> WorkPackage:
    wishes = read_wishes(await read_object(request, body), new=True)
    return await _created(response, caller, services, wishes)


@router.post(
    "/projects/{id}/work_packages",
    status_code=201,
    summary="Create a work package in a project, with attachments",
    responses={**_NEW, **failures(404)},
    openapi_extra=_NEW_BODY,
)
async def create_in_project(
    request: Request, response: Response, caller: Caller, services: Desk, id: RecordId, body: Body
) -> WorkPackage:
    wishes = read_wishes(await read_object(request, body), new=True)
    return await _created(response, caller, services, wishes.in_project(id))


@router.get("/work_packages/{id}", summary="A work package", responses=failures(401, 404))
async def show(caller: Caller, services: Desk, id: RecordId) -> WorkPackage:
    return await _shown(services, caller, await find(services, caller, id))


@router.patch(
    "/work_packages/{id}",
    summary="Change a work package",
    description="`_links.attachments`, where it is given, is all that the work package holds from then "
    "on: what it held besides is deleted.",
    responses=failures(400, 401, 404, 409, 415, 422),
    openapi_extra=work_package(lockVersion={"type": "integer"}),
)
async def change(
    request: Request, caller: Caller, services: Desk, id: RecordId, body: Body
) -> WorkPackage:
    wishes = read_wishes(await read_object(request, body), new=False)
    await find(services, caller, id)
    amended = await services.containers.amend(
        AmendContainer(
            caller=caller,
            ref=WORK_PACKAGE.ref(id),
            wanted=wishes.attachments,
            compose=lambda current, _claims, _now: wishes.onto(current.body),
            exclusive=True,
            exactly=True,
            version=None if wishes.lock_version is None else wishes.lock_version + 1,
            own=False,
        )
    )
    return await _shown(services, caller, amended)


async def find(services: Services, caller: Principal, id: int) -> Container:
    """Number one is there from the start, since tools are tried on it. Raises NotFound."""
    if id == 1:
        return await services.containers.first(_new(caller, DEMO), _SERIES)
    return await services.containers.get(caller, WORK_PACKAGE.ref(id))


async def _created(
    response: Response, caller: Principal, services: Services, wishes: Wishes
) -> WorkPackage:
    container = await services.containers.create(_new(caller, wishes))
    response.headers["Location"] = _href(container)
    return await _shown(services, caller, container)


def _new(caller: Principal, wishes: Wishes) -> CreateContainer:
    return CreateContainer(
        caller=caller,
        ref=_SERIES,
        wanted=wishes.attachments or (),
        compose=lambda _container, _claims, _now: wishes.onto(DEFAULTS),
        exclusive=True,
    )


def _href(container: Container) -> str:
    return f"{ROOT}/{WORK_PACKAGE.path}/{container.ref.external_id}"


async def _shown(services: Services, caller: Principal, container: Container) -> WorkPackage:
    held = await services.containers.held_by(container)
    people = await services.people.some(caller, [container.owner_id])
    body, href = DEFAULTS | container.body, _href(container)
    # One that another API has only claimed for has no subject.
    subject = body["subject"] or f"{WORK_PACKAGE.title} {container.ref.external_id}"
    attachments = f"{href}/attachments"
    return WorkPackage(
        id=int(container.ref.external_id),
        lock_version=container.version - 1,
        subject=subject,
        description=text(body["description"], format="markdown"),
        created_at=instant(container.created_at),
        updated_at=instant(container.updated_at),
        links=WorkPackageLinks(
            self_=Link(href=href, title=subject),
            project=project_link(caller, body["project"]),
            type=link_to("type", body["type"]),
            status=link_to("status", body["status"]),
            priority=link_to("priority", body["priority"]),
            author=user_link(container.owner_id, people),
            attachments=Link(href=attachments),
            add_attachment=Link(href=attachments, method="post"),
            update=Link(href=href, method="patch"),
        ),
        embedded=EmbeddedAttachments(
            attachments=await collection(
                services, caller, [each.attachment for each in held], attachments
            )
        ),
    )
