"""/api/v3: what clients ask first: the root, the configuration, who they are, and in which project."""

from __future__ import annotations

import coatcheck
from coatcheck.domain.principal import Person, Principal
from coatcheck.web.dependencies import Config, Desk
from coatcheck.web.dialects.openproject.asking import Caller
from coatcheck.web.dialects.openproject.documentation import failures
from coatcheck.web.dialects.openproject.hal import ROOT, HalResponse, Link
from coatcheck.web.dialects.openproject.linked import project_link
from coatcheck.web.dialects.openproject.shapes import (
    Configuration,
    Project,
    ProjectCollection,
    ProjectElements,
    ProjectLinks,
    Root,
    RootLinks,
    SelfLink,
    User,
)
from coatcheck.web.ids import RecordId
from coatcheck.web.routing import Router

router = Router(response_class=HalResponse)


@router.get("", summary="The root of the API", responses=failures(401))
async def root(caller: Caller) -> Root:
    return Root(
        instance_name="Coatcheck",
        core_version=coatcheck.__version__,
        links=RootLinks(
            self_=Link(href=ROOT),
            configuration=Link(href=f"{ROOT}/configuration"),
            user=Link(href=f"{ROOT}/users/{caller.id}", title=caller.display),
        ),
    )


@router.get("/configuration", summary="What this installation takes", responses=failures(401))
async def configuration(_caller: Caller, config: Config) -> Configuration:
    return Configuration(
        maximum_attachment_file_size=config.openproject_max_size,
        allowed_attachment_types=list(config.openproject_allowlist),
        per_page_options=[20, 100],
        links=SelfLink(self_=Link(href=f"{ROOT}/configuration")),
    )


@router.get("/users/me", summary="Who asks", responses=failures(401))
async def me(caller: Caller, services: Desk) -> User:
    return _user(await services.people.find(caller, caller.id))


@router.get("/users/{id}", summary="A user", responses=failures(401, 404))
async def user(caller: Caller, services: Desk, id: RecordId) -> User:
    return _user(await services.people.find(caller, id))


@router.get("/projects", summary="The project that is there for everybody", responses=failures(401))
async def projects(caller: Caller) -> ProjectCollection:
    return ProjectCollection(
        total=1,
        count=1,
        page_size=20,
        embedded=ProjectElements(elements=[_project(caller, 1)]),
        links=SelfLink(self_=Link(href=f"{ROOT}/projects")),
    )


@router.get(
    "/projects/{id}",
    summary="A project",
    description="Projects are kept elsewhere: any number is one. The first bears the name of the organisation.",
    responses=failures(401, 404),
)
async def project(caller: Caller, id: RecordId) -> Project:
    return _project(caller, id)


def _user(person: Person) -> User:
    link = Link(href=f"{ROOT}/users/{person.id}", title=person.display)
    return User(id=person.id, name=person.display, login=person.login, links=SelfLink(self_=link))


def _project(caller: Principal, id: int) -> Project:
    link = project_link(caller, f"{ROOT}/projects/{id}")
    new = Link(href=f"{link.href}/work_packages", method="post")
    return Project(
        id=id,
        identifier=caller.tenant if id == 1 else f"project-{id}",
        name=link.title or "",
        links=ProjectLinks(self_=link, create_work_package_immediately=new),
    )
