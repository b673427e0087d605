from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.kit import BASE, Installation
from tests.web.dialects.tracker.asks import comment, issue, names, refusal, uploaded

UNKNOWN = (404, "Comment does not exist.")


@pytest.mark.parametrize("version", ["v2", "v3"])
@pytest.mark.parametrize("slash", ["", "/"])
async def test_a_comment_is_made_with_its_files(
    ann: httpx.AsyncClient, version: str, slash: str
) -> None:
    file = await uploaded(ann)
    await issue(ann)
    body = {
        "text": "see <file>",
        "attachmentIds": [file["id"]],
        "summonees": ["bob"],
        "maillistSummonees": ["all@acme.example"],
        "id": 77,
    }
    path = f"/{version}/issues/TREK-1/comments"
    answer = await ann.post(f"{path}{slash}?isAddToFollowers=true", json=body)
    assert answer.status_code == 201
    root = f"{BASE}/{version}"
    author = {"self": f"{root}/users/1", "id": "ann", "display": "ann"}
    made = {
        "self": f"{root}/issues/TREK-1/comments/1",
        "id": 1,
        "longId": "000000000000000000000002",
        "text": "see <file>",
        "attachments": [
            {
                "self": f"{root}/issues/TREK-1/attachments/{file['id']}",
                "id": file["id"],
                "display": "report.txt",
            }
        ],
        "summonees": [{"self": f"{root}/users/bob", "id": "bob", "display": "bob"}],
        "maillistSummonees": [
            {
                "self": f"{root}/maillists/all%40acme.example",
                "id": "all@acme.example",
                "display": "all@acme.example",
            }
        ],
        "createdBy": author,
        "updatedBy": author,
        "createdAt": "2025-06-15T15:06:40.000+0000",
        "updatedAt": "2025-06-15T15:06:40.000+0000",
        "version": 1,
        "type": "standard",
        "transport": "internal",
    }
    assert answer.json() == made
    assert answer.headers["location"] == made["self"]
    assert (await ann.get(path + slash)).json() == [made]
    for id in ("1", made["longId"]):
        assert (await ann.get(f"{path}/{id}{slash}")).json() == made
    for expand in ("html", "all", "attachments,html"):
        (shown,) = (await ann.get(f"{path}?expand={expand}")).json()
        assert shown["textHtml"] == "<p>see &lt;file&gt;</p>"
    (listed,) = (await ann.get(f"/{version}/issues/TREK-1/attachments")).json()
    assert (listed["id"], listed["commentId"]) == (file["id"], "1")
    assert listed["self"] == made["attachments"][0]["self"]  # type: ignore[index]


async def test_comments_come_oldest_first_and_in_pages(ann: httpx.AsyncClient) -> None:
    await issue(ann)
    for number in range(1, 6):
        await comment(ann, "TREK-1", text=str(number))

    async def texts(query: str) -> str:
        found = (await ann.get(f"/v2/issues/TREK-1/comments?{query}")).json()
        return "".join(each["text"] for each in found)

    assert await texts("") == "12345"
    assert await texts("perPage=2") == "12"
    assert await texts("perPage=2&id=2") == "34"
    assert await texts("id=4") == "5"
    assert await texts("perPage=0&id=x") == "12345"


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"text": "Comment text is required."}),
        ({"text": None}, {"text": "Comment text is required."}),
        ({"text": " "}, {"text": "Comment text is required."}),
        ({"text": 5}, {"text": "Text is expected."}),
        (
            {"text": "t", "attachmentIds": [None]},
            {"attachmentIds": "A list of attachment ids is expected."},
        ),
        ({"text": "t", "summonees": [[]]}, {"summonees": "The value is not valid."}),
    ],
)
async def test_what_is_wrong_with_a_comment_is_told_by_field(
    ann: httpx.AsyncClient, body: dict[str, Any], errors: dict[str, str]
) -> None:
    await issue(ann)
    assert refusal(await ann.post("/v2/issues/TREK-1/comments", json=body)) == (422, errors)
    assert (await ann.get("/v2/issues/TREK-1/comments")).json() == []


async def test_a_comment_is_changed_by_its_author(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient, house: Installation
) -> None:
    await issue(ann)
    made = await comment(ann, "TREK-1")
    file = await uploaded(ann)
    house.clock.advance(1)
    path = "/v2/issues/TREK-1/comments/1"
    answer = await ann.patch(
        path, json={"text": "New", "attachmentIds": [file["id"]]}, headers={"If-Match": '"1"'}
    )
    changed = answer.json()
    assert (answer.status_code, changed["text"], changed["version"]) == (200, "New", 2)
    assert changed["createdAt"] == made["createdAt"] < changed["updatedAt"]
    assert [each["id"] for each in changed["attachments"]] == [file["id"]]
    stale = await ann.patch(path, json={"text": "late"}, headers={"If-Match": '"1"'})
    assert refusal(stale) == (412, "Version mismatch.")
    stale = await ann.patch(path + "/?version=1", json={"text": "late"})
    assert refusal(stale) == (409, "Version mismatch.")
    blank = await ann.patch(path, json={"text": ""})
    assert refusal(blank) == (422, {"text": "Comment text is required."})
    assert refusal(await bob.patch(path, json={"text": "mine"})) == UNKNOWN
    assert refusal(await bob.delete(path)) == UNKNOWN
    assert (await bob.get(path)).json() == changed


@pytest.mark.parametrize("slash", ["", "/"])
async def test_a_comment_goes_with_its_files(ann: httpx.AsyncClient, slash: str) -> None:
    mine, its = await uploaded(ann, "mine.txt"), await uploaded(ann, "its.txt")
    await issue(ann, mine["id"])
    await comment(ann, "TREK-1", its["id"])
    path = f"/v3/issues/TREK-1/comments/1{slash}"
    answer = await ann.delete(path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert refusal(await ann.delete(path)) == UNKNOWN
    assert refusal(await ann.get(path)) == UNKNOWN
    assert (await ann.get("/v2/issues/TREK-1/comments")).json() == []
    assert await names(ann, "/v2/issues/TREK-1/attachments") == ["mine.txt"]
    assert refusal(await ann.get(its["self"])) == (404, "Attachment does not exist.")


@pytest.mark.parametrize("id", ["2", "0", "01", "x", "-1", "1_0", "%2B1", "f" * 24, "9" * 5000])
async def test_a_comment_that_is_none_is_not_found(ann: httpx.AsyncClient, id: str) -> None:
    await issue(ann)
    await comment(ann, "TREK-1")
    for method in ("GET", "PATCH", "DELETE"):
        answer = await ann.request(method, f"/v2/issues/TREK-1/comments/{id}", json={"text": "t"})
        assert refusal(answer) == UNKNOWN


async def test_a_comment_is_found_under_its_own_issue_only(ann: httpx.AsyncClient) -> None:
    file = await uploaded(ann)
    await issue(ann)
    await issue(ann)
    made = await comment(ann, "TREK-1", file["id"])
    for id in ("1", made["longId"]):
        assert refusal(await ann.get(f"/v2/issues/TREK-2/comments/{id}")) == UNKNOWN
    path = f"/v2/issues/TREK-2/attachments/{file['id']}"
    assert refusal(await ann.get(path)) == (404, "Attachment does not exist.")
    assert await names(ann, "/v2/issues/TREK-2/attachments") == []
