from __future__ import annotations

import httpx
import pytest

from tests.kit import BASE
from tests.web.dialects.tracker.asks import issue, names, refusal, uploaded

MISSING = (404, "Attachment does not exist.")
UNKNOWN = (404, "Entity does not exist.")


@pytest.mark.parametrize("kind", ["project", "portfolio", "goal"])
@pytest.mark.parametrize("version", ["v2", "v3"])
@pytest.mark.parametrize("slash", ["", "/"])
async def test_a_temporary_file_is_attached_shown_and_deleted(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient, kind: str, version: str, slash: str
) -> None:
    file = await uploaded(ann, to=f"/{version}/attachments")
    place = f"/{version}/entities/{kind}/655f328da834c763"
    assert refusal(await ann.get(f"{place}/attachments{slash}")) == UNKNOWN
    path = f"{place}/attachments/{file['id']}{slash}"
    answer = await ann.post(f"{path}?expand=attachments&notify=false")
    assert answer.status_code == 200
    made = answer.json()
    assert {name: made[name] for name in ("self", "id", "version", "shortId", "entityType")} == {
        "self": f"{BASE}{place}",
        "id": "655f328da834c763",
        "version": 1,
        "shortId": 1,
        "entityType": kind,
    }
    assert made["createdBy"]["id"] == "ann"
    assert made["attachments"] == [file]
    for reader in (ann, bob):
        assert (await reader.get(f"{place}/attachments{slash}")).json() == [file]
        assert (await reader.get(path)).json() == file
        assert (await reader.get(f"{place}{slash}?expand=attachments")).json() == made
        assert (await reader.get(file["content"])).content == b"hello"
    assert "attachments" not in (await ann.get(place)).json()
    assert await names(ann, "/v2/attachments") == []
    answer = await ann.delete(path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert refusal(await ann.delete(path)) == refusal(await ann.get(path)) == MISSING
    assert refusal(await ann.get(file["self"])) == MISSING
    assert (await ann.get(f"{place}/attachments")).json() == []


async def test_an_entity_may_call_its_file_otherwise(ann: httpx.AsyncClient) -> None:
    file = await uploaded(ann)
    place = "/v2/entities/goal/1/attachments"
    answer = await ann.post(f"{place}/{file['id']}?filename=a/%D0%BF%D0%BB%D0%B0%D0%BD.txt")
    assert "attachments" not in answer.json()
    assert await names(ann, place) == ["план.txt"]
    (shown,) = (await ann.get(place)).json()
    assert (await ann.get(shown["content"])).content == b"hello"
    other = await uploaded(ann)
    answer = await ann.post(f"{place}/{other['id']}?filename=..")
    assert refusal(answer) == (400, "File name is not valid.")


async def test_a_file_is_attached_to_one_thing_only(ann: httpx.AsyncClient) -> None:
    file = await uploaded(ann)
    await issue(ann, file["id"])
    answer = await ann.post(f"/v2/entities/project/1/attachments/{file['id']}")
    assert refusal(answer) == (422, {"attachmentIds": f"Already attached: {file['id']}."})
    assert refusal(await ann.get("/v2/entities/project/1/attachments")) == UNKNOWN
    assert refusal(await ann.delete(f"/v2/entities/project/1/attachments/{file['id']}")) == MISSING


@pytest.mark.parametrize("place", ["queue/1", "project/..%2f", "project/a%20b", f"goal/{'x' * 65}"])
async def test_what_is_no_entity_is_not_found(ann: httpx.AsyncClient, place: str) -> None:
    for path in ("", "/attachments", "/attachments/1"):
        assert refusal(await ann.get(f"/v2/entities/{place}{path}"))[0] == 404
    assert refusal(await ann.post(f"/v2/entities/{place}/attachments/1"))[0] == 404


async def test_an_unknown_file_makes_no_entity(ann: httpx.AsyncClient) -> None:
    assert refusal(await ann.post("/v2/entities/project/1/attachments/9")) == MISSING
    assert refusal(await ann.post("/v2/entities/project/1/attachments/x")) == MISSING
    assert refusal(await ann.get("/v2/entities/project/1")) == UNKNOWN
