"""What clients ask first."""

from __future__ import annotations

import httpx

from tests.kit import Installation
from tests.web.dialects.openproject.speaking import told


async def test_the_root_leads_to_the_rest(ann: httpx.AsyncClient) -> None:
    root = told(await ann.get("/api/v3"))
    assert root["_type"] == "Root"
    assert root["_links"]["user"] == {"href": "/api/v3/users/1", "title": "ann"}
    for link in root["_links"].values():
        told(await ann.get(link["href"]))
    assert told(await ann.get("/api/v3/")) == root


async def test_the_configuration_tells_the_largest_attachment(ann: httpx.AsyncClient) -> None:
    configuration = told(await ann.get("/api/v3/configuration"))
    assert configuration["_type"] == "Configuration"
    assert configuration["maximumAttachmentFileSize"] == 5 * 1024 * 1024
    assert configuration["allowedAttachmentTypes"] == []


async def test_users_of_one_tenant_see_each_other(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient, house: Installation
) -> None:
    await house.services.keys.create(tenant="acme", login="bob", display="Bob Builder")
    me = told(await bob.get("/api/v3/users/me"))
    assert me == {
        "_type": "User",
        "id": 2,
        "name": "Bob Builder",
        "login": "bob",
        "status": "active",
        "_links": {"self": {"href": "/api/v3/users/2", "title": "Bob Builder"}},
    }
    assert told(await ann.get("/api/v3/users/2")) == me


async def test_any_project_is_one_and_the_first_bears_the_tenants_name(
    ann: httpx.AsyncClient,
) -> None:
    first = told(await ann.get("/api/v3/projects/1"))
    assert (first["_type"], first["identifier"], first["name"]) == ("Project", "acme", "acme")
    projects = told(await ann.get("/api/v3/projects"))
    assert projects["_embedded"]["elements"] == [first]
    assert (projects["total"], projects["count"]) == (1, 1)
    assert told(await ann.get("/api/v3/projects/12"))["name"] == "Project 12"
