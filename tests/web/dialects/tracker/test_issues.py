from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.kit import BASE, Installation
from tests.web.dialects.tracker.asks import issue, names, refusal, uploaded

UNKNOWN = (404, "Issue does not exist.")
MISSING = (404, "Attachment does not exist.")
STALE = "Version mismatch."

NO_IDS: list[Any] = [
    *([None], [{}], "1", 1, ["x"], [True], [1.0], ["01"], ["+1"], [" 1"], ["1_0"]),
    *(["１"], [-1], [0], ["99999999999999999999"]),
]


@pytest.mark.parametrize("version", ["v2", "v3"])
@pytest.mark.parametrize("slash", ["", "/"])
async def test_an_issue_is_made_with_its_files(
    ann: httpx.AsyncClient, version: str, slash: str
) -> None:
    first, second = await uploaded(ann), await uploaded(ann, "log.txt")
    body = {
        "queue": "trek",
        "summary": "Test Issue",
        "description": "text",
        "type": {"key": "bug"},
        "priority": "critical",
        "assignee": "bob",
        "followers": ["ann", {"login": "bob"}],
        "parent": {"key": "TREK-9"},
        "sprint": [3],
        "attachmentIds": [int(first["id"])],
        "descriptionAttachmentIds": [second["id"]],
        "id": 99,
        "version": 7,
        "createdBy": "bob",
    }
    answer = await ann.post(f"/{version}/issues{slash}", json=body)
    assert answer.status_code == 201
    root = f"{BASE}/{version}"
    made = answer.json()
    author = {"self": f"{root}/users/1", "id": "ann", "display": "ann"}
    assert made == {
        "self": f"{root}/issues/TREK-1",
        "id": "000000000000000000000001",
        "key": "TREK-1",
        "version": 1,
        "parent": {
            "self": f"{root}/issues/TREK-9",
            "id": "TREK-9",
            "key": "TREK-9",
            "display": "TREK-9",
        },
        "summary": "Test Issue",
        "description": "text",
        "sprint": [{"self": f"{root}/sprints/3", "id": "3", "display": "3"}],
        "type": {"self": f"{root}/issuetypes/1", "id": "1", "key": "bug", "display": "Bug"},
        "priority": {
            "self": f"{root}/priorities/4",
            "id": "4",
            "key": "critical",
            "display": "Critical",
        },
        "followers": [
            {"self": f"{root}/users/ann", "id": "ann", "display": "ann"},
            {"self": f"{root}/users/bob", "id": "bob", "display": "bob"},
        ],
        "assignee": {"self": f"{root}/users/bob", "id": "bob", "display": "bob"},
        "queue": {"self": f"{root}/queues/TREK", "id": "TREK", "key": "TREK", "display": "TREK"},
        "status": {"self": f"{root}/statuses/1", "id": "1", "key": "open", "display": "Open"},
        "createdAt": "2025-06-15T15:06:40.000+0000",
        "createdBy": author,
        "updatedAt": "2025-06-15T15:06:40.000+0000",
        "updatedBy": author,
        "votes": 0,
        "favorite": False,
        "attachments": [
            {
                "self": f"{root}/issues/TREK-1/attachments/{each['id']}",
                "id": each["id"],
                "display": each["name"],
            }
            for each in (first, second)
        ],
    }
    assert answer.headers["location"] == made["self"]
    for path in ("TREK-1", "TREK-1/", "trek-1", made["id"], made["id"] + "/?expand=attachments"):
        assert (await ann.get(f"/{version}/issues/{path}")).json() == made


async def test_references_may_be_names(ann: httpx.AsyncClient) -> None:
    made = await issue(ann, type={"name": "New Feature"}, priority={"display": "Minor"})
    assert (made["type"]["key"], made["priority"]["key"]) == ("newFeature", "minor")


async def test_a_list_can_be_added_to_and_taken_from(ann: httpx.AsyncClient) -> None:
    place = (await issue(ann, followers=["bob"]))["self"]

    async def changed(followers: object) -> list[str]:
        answer = await ann.patch(place, json={"followers": followers})
        assert answer.status_code == 200, answer.text
        return [each["id"] for each in answer.json().get("followers", ())]

    assert await changed({"add": ["carl", {"login": "bob"}]}) == ["bob", "carl"]
    assert await changed({"remove": "bob", "add": ["dora"]}) == ["carl", "dora"]
    assert await changed({"set": ["ann"]}) == ["ann"]
    assert await changed({"login": "eve"}) == ["eve"]
    many = {"add": [f"u{n}" for n in range(100)]}
    told = refusal(await ann.patch(place, json={"followers": many}))
    assert told == (422, {"followers": "No more than 100 at once."})
    assert await changed({"remove": ["eve"]}) == []


async def test_an_empty_unique_is_none(ann: httpx.AsyncClient) -> None:
    assert (await issue(ann, unique=""))["key"] != (await issue(ann, unique=""))["key"]


async def test_issues_are_numbered_by_queue_and_organization(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient, eve: httpx.AsyncClient
) -> None:
    keys = [
        (await issue(client, queue=queue))["key"]
        for client, queue in [(ann, "A"), (bob, "A"), (ann, "B"), (eve, "A"), (ann, "a")]
    ]
    assert keys == ["A-1", "A-2", "B-1", "A-1", "A-3"]


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"queue": "Queue does not exist.", "summary": "Summary is required."}),
        ({"queue": "A1", "summary": "s"}, {"queue": "Queue does not exist."}),
        ({"queue": "A" * 16, "summary": "s"}, {"queue": "Queue does not exist."}),
        ({"queue": ["A"], "summary": "s"}, {"queue": "Queue does not exist."}),
        ({"queue": "A", "summary": ""}, {"summary": "Summary is required."}),
        ({"queue": "A", "summary": 5}, {"summary": "Text is expected."}),
        ({"queue": "A", "summary": "s", "type": []}, {"type": "The value is not valid."}),
        (
            {"queue": "A", "summary": "s", "type": {"nom": "bug"}},
            {"type": "The value is not valid."},
        ),
        (
            {"queue": "A", "summary": "s", "unique": "x" * 256},
            {"unique": "The value is not valid."},
        ),
        (
            {"queue": "A", "summary": "s", "followers": ["a"] * 101},
            {"followers": "No more than 100 at once."},
        ),
        *(
            (
                {"queue": "A", "summary": "s", "attachmentIds": ids},
                {"attachmentIds": "A list of attachment ids is expected."},
            )
            for ids in NO_IDS
        ),
        (
            {"queue": "A", "summary": "s", "attachmentIds": list(range(1, 102))},
            {"attachmentIds": "No more than 100 attachments at once."},
        ),
    ],
)
async def test_what_is_wrong_with_an_issue_is_told_by_field(
    ann: httpx.AsyncClient, body: dict[str, Any], errors: dict[str, str]
) -> None:
    assert refusal(await ann.post("/v2/issues/", json=body)) == (422, errors)
    assert (await issue(ann, queue="A"))["key"] == "A-1"


@pytest.mark.parametrize(
    "body", [b"", b"{x}", b"[]", b"null", b'"x"', b"\xff\xfe", b"[" * 100_000, b'{"a":1e400}']
)
async def test_what_is_no_json_object_is_refused(ann: httpx.AsyncClient, body: bytes) -> None:
    for method, path in (
        ("POST", "/v2/issues/"),
        ("PATCH", f"/v3/issues/{(await issue(ann))['key']}"),
    ):
        status, message = refusal(await ann.request(method, path, content=body))
        assert status == 400
        assert isinstance(message, str)


async def test_a_body_beyond_a_megabyte_is_refused(ann: httpx.AsyncClient) -> None:
    body = {"queue": "A", "summary": "x" * 1024 * 1024}
    assert refusal(await ann.post("/v2/issues", json=body)) == (413, "The request is too large.")


async def test_a_temporary_file_is_attached_once_and_a_refused_issue_is_not_made(
    ann: httpx.AsyncClient,
) -> None:
    first, second = await uploaded(ann), await uploaded(ann)
    await issue(ann, first["id"])
    for ids in ([first["id"]], [second["id"], first["id"]]):
        body = {"queue": "TREK", "summary": "s", "attachmentIds": ids}
        answer = await ann.post("/v2/issues", json=body)
        assert refusal(answer) == (422, {"attachmentIds": f"Already attached: {first['id']}."})
        answer = await ann.post(
            "/v2/issues/TREK-1/comments", json={"text": "t", "attachmentIds": ids}
        )
        assert refusal(answer)[0] == 422
    assert (await ann.get("/v2/issues/TREK-2")).status_code == 404
    assert (await ann.get("/v2/issues/TREK-1/comments")).json() == []
    assert await names(ann, "/v2/attachments") == [second["name"]]
    assert (await issue(ann))["key"] == "TREK-2"


async def test_one_unknown_file_among_others_attaches_none(ann: httpx.AsyncClient) -> None:
    known = await uploaded(ann)
    body = {"queue": "TREK", "summary": "s", "attachmentIds": [known["id"], 999]}
    assert refusal(await ann.post("/v2/issues", json=body)) == MISSING
    assert len((await ann.get("/v2/attachments")).json()) == 1


async def test_a_file_named_twice_is_attached_once(ann: httpx.AsyncClient) -> None:
    file = await uploaded(ann)
    made = await issue(ann, file["id"], int(file["id"]), descriptionAttachmentIds=[file["id"]])
    assert [each["id"] for each in made["attachments"]] == [file["id"]]


async def test_a_repeated_unique_is_refused_and_leads_to_the_first(
    ann: httpx.AsyncClient, eve: httpx.AsyncClient
) -> None:
    made = await issue(ann, unique="604b13")
    file = await uploaded(ann)
    body = {"queue": "B", "summary": "s", "unique": "604b13", "attachmentIds": [file["id"]]}
    answer = await ann.post("/v2/issues/", json=body)
    assert refusal(answer) == (409, "Issue with the same unique already exists.")
    for path in ("/v2/issues/_findByUnique", "/v2/issues/_findByUnique/"):
        answer = await ann.post(path, params={"unique": "604b13"}, content=b"null")
        assert (answer.status_code, answer.json()) == (200, made)
        assert refusal(await ann.post(path, params={"unique": "other"})) == UNKNOWN
        assert refusal(await ann.post(path)) == UNKNOWN
        assert refusal(await eve.post(path, params={"unique": "604b13"})) == UNKNOWN
    assert len((await ann.get("/v2/attachments")).json()) == 1
    await issue(eve, unique="604b13")


@pytest.mark.parametrize(
    "key",
    ["TREK-2", "TREK", "TREK-0", "TREK-01", "_search", "0" * 24, "f" * 24, "0" * 23 + "9", "%00"],
)
async def test_an_issue_that_is_none_is_not_found_under_any_path(
    ann: httpx.AsyncClient, key: str
) -> None:
    await issue(ann)
    for path in ("", "/attachments", "/attachments/1", "/attachments/1/x", "/comments"):
        assert refusal(await ann.get(f"/v2/issues/{key}{path}")) == UNKNOWN
    assert refusal(await ann.patch(f"/v2/issues/{key}", json={})) == UNKNOWN
    assert refusal(await ann.post(f"/v2/issues/{key}/comments", json={"text": "t"})) == UNKNOWN


@pytest.mark.parametrize("slash", ["", "/"])
async def test_a_change_changes_what_it_names_and_adds_files(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient, house: Installation, slash: str
) -> None:
    first, second = await uploaded(ann), await uploaded(bob, "log.txt")
    made = await issue(ann, first["id"], description="text", assignee="bob")
    house.clock.advance(1)
    answer = await bob.patch(
        f"/v3/issues/TREK-1{slash}",
        json={"summary": "New", "assignee": None, "attachmentIds": [second["id"]], "id": 5},
    )
    assert answer.status_code == 200
    changed = answer.json()
    assert (changed["summary"], changed["description"]) == ("New", "text")
    assert "assignee" not in changed
    assert (changed["version"], changed["id"]) == (2, made["id"])
    assert changed["updatedAt"] == "2025-06-15T15:06:41.000+0000"
    assert (changed["createdBy"]["id"], changed["updatedBy"]["id"]) == ("ann", "bob")
    assert [each["display"] for each in changed["attachments"]] == ["report.txt", "log.txt"]
    again = await ann.patch("/v2/issues/TREK-1", json={"attachmentIds": []})
    assert len(again.json()["attachments"]) == 2


async def test_attaching_what_is_attached_here_already_changes_nothing(
    ann: httpx.AsyncClient,
) -> None:
    """As after an answer that was lost."""
    file = await uploaded(ann)
    await issue(ann, file["id"])
    answer = await ann.patch("/v2/issues/TREK-1", json={"attachmentIds": [file["id"]]})
    assert answer.status_code == 200
    assert len(answer.json()["attachments"]) == 1


async def test_a_refused_change_changes_nothing(ann: httpx.AsyncClient) -> None:
    taken = await uploaded(ann)
    await issue(ann, taken["id"], queue="OTHER")
    made = await issue(ann)
    for body, status in (
        ({"summary": "New", "attachmentIds": [taken["id"]]}, 422),
        ({"summary": "New", "attachmentIds": [999]}, 404),
        ({"summary": ""}, 422),
        ({"summary": None}, 422),
    ):
        assert refusal(await ann.patch("/v2/issues/TREK-1", json=body))[0] == status
    assert (await ann.get("/v2/issues/TREK-1")).json() == made


async def test_a_change_may_name_the_version_that_it_changes(ann: httpx.AsyncClient) -> None:
    await issue(ann)
    path, body = "/v2/issues/TREK-1", {"summary": "New"}
    for match in ('"2"', '"0"', 'W/"1"', '"x"', "", '"1", "2"'):
        answer = await ann.patch(path, json=body, headers={"If-Match": match})
        assert refusal(answer) == (412, STALE)
    assert refusal(await ann.patch(path + "?version=2", json=body)) == (409, STALE)
    answer = await ann.patch(path + "?version=x", json=body)
    assert refusal(answer) == (422, {"version": "The version is not a number."})
    answer = await ann.patch(path + "?version=2", json=body, headers={"If-Match": '"1"'})
    assert refusal(answer) == (412, STALE)
    answer = await ann.patch(path + "?version=1", json=body, headers={"If-Match": '"1"'})
    assert (answer.status_code, answer.json()["version"]) == (200, 2)
    assert (await ann.patch(path + "?version=2", json=body)).json()["version"] == 3
    for match in ('"3"', "4", "*"):
        answer = await ann.patch(path, json=body, headers={"If-Match": match})
        assert answer.status_code == 200, match
