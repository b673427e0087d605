from __future__ import annotations

import httpx

from tests.books import assert_books_balance
from tests.kit import Installation
from tests.web.dialects.attachfast.asks import errors, files, folder, uploaded

MASKED = {"x-request-id"}


def seen(answer: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    headers = {name: value for name, value in answer.headers.items() if name not in MASKED}
    return answer.status_code, answer.content, headers


async def test_what_is_another_sites_looks_like_what_never_was(
    site: httpx.AsyncClient, house: Installation
) -> None:
    file = await uploaded(site, content=bytes(3000), folder="users/pic")
    mine = await folder(site, "mine", file["folder"]["id"])
    bodies = [
        {"site_file": {"token": "x.png"}},
        {"site_file": {"token": file["token"]}},
        {"site_folder": {"name": "x"}},
        {"site_folder": {"name": "x", "parent_id": None}},
        {"site_file": {"token": ""}},
        {"site_folder": {"name": ""}},
        {},
    ]
    async with house.client(tenant="other") as stranger:
        for kind, id in (("files", file["id"]), ("folders", mine["id"])):
            foreign, unknown = f"/api/{kind}/{id}", f"/api/{kind}/{id + 1000}"
            for method in ("GET", "HEAD", "DELETE"):
                answer = await stranger.request(method, foreign)
                assert answer.status_code == 404
                assert seen(answer) == seen(await stranger.request(method, unknown))
            for body in bodies:
                answer = await stranger.patch(foreign, json=body)
                assert seen(answer) == seen(await stranger.patch(unknown, json=body))
        for id in (mine["id"], 1000):
            answer = await stranger.post(
                "/api/folders", json={"site_folder": {"name": "x", "parent_id": id}}
            )
            assert errors(answer) == (422, ["Parent must exist"])
            query = f"/api/folders?parent_id={id}&tenant=acme&owner=ann"
            assert (await stranger.get(query)).json()["folders"] == []
        theirs = await folder(stranger, "theirs")
        for id in (mine["id"], 1000):
            answer = await stranger.patch(
                f"/api/folders/{theirs['id']}", json={"site_folder": {"parent_id": id}}
            )
            assert errors(answer) == (422, ["Parent must exist"])
        assert await files(stranger) == []
        assert [
            each["name"] for each in (await stranger.get("/api/folders/tree")).json()["tree"]
        ] == ["theirs"]
    assert (await site.get(f"/api/files/{file['id']}")).json() == file
    assert (await site.get(f"/api/folders/{mine['id']}")).json()["path"] == ["users", "mine"]
    assert_books_balance(house, settled=True)


async def test_two_sites_may_use_the_same_tokens_and_folders(
    site: httpx.AsyncClient, house: Installation
) -> None:
    async with house.client(tenant="other") as stranger:
        mine = await uploaded(site, content=b"mine", folder="a/x")
        theirs = await uploaded(stranger, content=b"theirs", folder="a/x")
        assert mine["token"] == theirs["token"] == "a/x.png"
        assert mine["folder"]["id"] != theirs["folder"]["id"]
        assert (await site.get(mine["url"])).content == b"mine"
        assert (await site.get(theirs["url"])).content == b"theirs"
        assert await files(site) == [mine]
        assert await files(stranger) == [theirs]


async def test_every_request_needs_a_key(house: Installation) -> None:
    paths = ["/api/files", "/api/files/1", "/api/files/abc", "/api/folders", "/api/folders/tree"]
    cases = {
        None: "Authorization required",
        "": "Authorization required",
        "Bearer": "Authorization required",
        "Bearer ": "Authorization required",
        "Basic YTpi": "Authorization required",
        "Token abc": "Authorization required",
        "Bearer nope": "Invalid API key",
        "bearer nope": "Invalid API key",
        "Bearer a b": "Invalid API key",
        "Bearer " + "x" * 3000: "Invalid API key",
    }
    async with house.anonymous() as stranger:
        for path in paths:
            for given, message in cases.items():
                headers = {} if given is None else {"Authorization": given}
                assert errors(await stranger.get(path, headers=headers)) == (401, [message])


async def test_the_scheme_of_a_key_is_case_insensitive(house: Installation) -> None:
    headers = {"Authorization": f"bearer {await house.key()}"}
    async with house.anonymous(headers=headers) as client:
        assert (await client.get("/api/files")).status_code == 200
