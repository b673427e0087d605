"""What work packages link to and nobody keeps here: projects, types, statuses, priorities. Any number is one."""

from __future__ import annotations

from coatcheck.domain.principal import Principal
from coatcheck.web.dialects.openproject.hal import ROOT, Link

#: The name of the link, and where it leads.
COLLECTIONS = {
    "project": "projects",
    "type": "types",
    "status": "statuses",
    "priority": "priorities",
}

#: Where they lead unless somebody says otherwise, with the numbers and titles of a fresh OpenProject.
DEFAULTS = {
    "project": f"{ROOT}/projects/1",
    "type": f"{ROOT}/types/1",
    "status": f"{ROOT}/statuses/1",
    "priority": f"{ROOT}/priorities/8",
}
_TITLES = {DEFAULTS["type"]: "Task", DEFAULTS["status"]: "New", DEFAULTS["priority"]: "Normal"}


def link_to(name: str, href: str) -> Link:
    """With a title, which clients insist on."""
    number = href.rpartition("/")[2]
    return Link(href=href, title=_TITLES.get(href, f"{name.capitalize()} {number}"))


def project_link(caller: Principal, href: str) -> Link:
    """The first project is the organization itself."""
    if href == DEFAULTS["project"]:
        return Link(href=href, title=caller.tenant)
    return link_to("project", href)
