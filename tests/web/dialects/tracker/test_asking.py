"""Who asks, for which organization; and what is told of people."""

from __future__ import annotations

import httpx
import pytest

from tests.kit import BASE, Installation
from tests.web.dialects.tracker.asks import NOWHERE, refusal, upload

NOBODY = (401, "Authorization required.")


async def test_a_token_is_spoken_as_oauth_or_bearer_and_nothing_else(house: Installation) -> None:
    key = await house.key()
    cases = {
        f"OAuth {key}": 200,
        f"oauth {key}": 200,
        f"Bearer {key}": 200,
        f"bearer  {key}": 200,
        key: 401,
        "OAuth": 401,
        "OAuth not provided": 401,
        f"OAuth {key} extra": 401,
        f"OAuth {key[:-1]}": 401,
        "OAuth ké": 401,
        f"OAuth {'x' * 5000}": 401,
        f"Basic {key}": 401,
        "": 401,
    }
    async with house.anonymous(headers={"X-Org-ID": "acme"}) as client:
        for given, status in cases.items():
            answer = await client.get("/v2/myself", headers={b"Authorization": given.encode()})
            assert answer.status_code == status, given
            if status == 401:
                assert refusal(answer) == NOBODY
        assert refusal(await client.get("/v2/myself")) == NOBODY
        twice = [("Authorization", f"OAuth {key}"), ("Authorization", f"OAuth {key}")]
        assert refusal(await client.get("/v2/myself", headers=twice)) == NOBODY


@pytest.mark.parametrize(
    ("organizations", "status"),
    [
        ({"X-Org-ID": "acme"}, 200),
        ({"x-org-id": " acme "}, 200),
        ({"X-Cloud-Org-ID": "acme"}, 200),
        ({"X-Org-Id": "not provided", "X-Cloud-Org-Id": "acme"}, 200),
        ({"X-Org-ID": "acme", "X-Cloud-Org-ID": ""}, 200),
        ({"X-Org-ID": "other", "X-Cloud-Org-ID": "acme"}, 200),
        ({"X-Org-ID": "acme", "X-Cloud-Org-ID": "other"}, 403),
        ({}, 403),
        ({"X-Org-ID": "not provided"}, 403),
        ({"X-Org-ID": ""}, 403),
        ({"X-Org-ID": "other"}, 403),
        ({"X-Org-ID": "nobody"}, 403),
        ({"X-Org-ID": "ACME"}, 403),
        ({"X-Org-ID": "0' OR 1=1"}, 403),
        ({"X-Org-ID": "1"}, 403),
    ],
)
async def test_the_organization_is_the_tokens_own(
    house: Installation, organizations: dict[str, str], status: int
) -> None:
    await house.key("other", "eve")
    headers = {"Authorization": f"OAuth {await house.key()}", **organizations}
    async with house.anonymous(headers=headers) as client:
        for answer in (await client.get("/v2/myself"), await client.get("/v3/attachments/")):
            assert answer.status_code == status
            if status == 403:
                assert refusal(answer) == (403, NOWHERE)
        assert (await upload(client)).status_code == (201 if status == 200 else 403)


async def test_who_the_token_is_comes_before_which_organization(house: Installation) -> None:
    async with house.anonymous(headers={"X-Org-ID": "nobody"}) as client:
        assert refusal(await client.get("/v3/myself")) == NOBODY


@pytest.mark.parametrize("version", ["v2", "v3"])
@pytest.mark.parametrize("slash", ["", "/"])
async def test_people_are_told_to_their_organization(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient, eve: httpx.AsyncClient, version: str, slash: str
) -> None:
    me = (await bob.get(f"/{version}/myself{slash}")).json()
    assert me == {
        "self": f"{BASE}/{version}/users/{me['uid']}",
        "uid": me["uid"],
        "login": "bob",
        "trackerUid": me["uid"],
        "passportUid": me["uid"],
        "cloudUid": str(me["uid"]),
        "firstName": "bob",
        "lastName": "",
        "display": "bob",
        "email": "",
        "external": False,
        "hasLicense": True,
        "dismissed": False,
        "useNewFilters": True,
        "disableNotifications": False,
    }
    for id in (me["uid"], "bob"):
        assert (await ann.get(f"/{version}/users/{id}{slash}")).json() == me
        answer = await eve.get(f"/{version}/users/{id}{slash}")
        assert refusal(answer) == (404, "User does not exist.")
    for id in ("999", "0", "nobody", "1_0", "9" * 30):
        assert refusal(await ann.get(f"/v2/users/{id}")) == (404, "User does not exist.")


@pytest.mark.parametrize("path", ["/v2/fields", "/v2/fields/", "/v3/fields/"])
async def test_the_fields_of_issues_are_listed(ann: httpx.AsyncClient, path: str) -> None:
    fields = {each["id"]: each for each in (await ann.get(path)).json()}
    assert {"key", "summary", "description", "attachments"} <= set(fields)
    assert fields["summary"] == {
        "self": f"{BASE}{path[:3]}/fields/summary",
        "id": "summary",
        "key": "summary",
        "name": "Summary",
        "version": 1,
        "schema": {"type": "string", "required": True},
        "readonly": False,
    }
    assert fields["attachments"]["schema"] == {
        "type": "array",
        "items": "attachment",
        "required": False,
    }
