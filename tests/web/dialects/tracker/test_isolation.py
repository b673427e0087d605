"""What is another organization's looks, byte for byte, like what never was."""

from __future__ import annotations

from typing import Any

import httpx

from tests.web.dialects.tracker.asks import comment, issue, names, uploaded

NEVER = 900_000


def seen(answer: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    headers = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
    return answer.status_code, answer.content, headers


async def test_nothing_of_another_organization_can_be_told_from_nothing(
    ann: httpx.AsyncClient, eve: httpx.AsyncClient
) -> None:
    temporary = await uploaded(ann)
    attached, commented, planned = [await uploaded(ann) for _ in range(3)]
    made = await issue(ann, attached["id"], queue="SECRET")
    await comment(ann, "SECRET-1", commented["id"])
    await ann.post(f"/v2/entities/project/secret/attachments/{planned['id']}")
    theirs = await issue(eve, queue="MINE")
    before = await everything(ann, made["key"])
    ids = [each["id"] for each in (temporary, attached, commented, planned)]
    places = [
        *((f"/v2/attachments/{id}", f"/v2/attachments/{NEVER}") for id in ids),
        *((f"/v3/attachments/{id}/report.txt", f"/v3/attachments/{NEVER}/x") for id in ids),
        *((f"/v2/thumbnails/{id}", f"/v2/thumbnails/{NEVER}") for id in ids),
        *(
            (f"/v2/issues/MINE-1/{part}/{id}", f"/v2/issues/MINE-1/{part}/{NEVER}")
            for id in ids
            for part in ("attachments", "thumbnails")
        ),
        ("/v2/issues/SECRET-1", "/v2/issues/SECRET-9"),
        (f"/v2/issues/{made['id']}", f"/v2/issues/{'0' * 20}ffff"),
        ("/v2/issues/SECRET-1/attachments", "/v2/issues/SECRET-9/attachments"),
        (f"/v2/issues/SECRET-1/attachments/{ids[1]}", f"/v2/issues/SECRET-9/attachments/{ids[1]}"),
        ("/v2/issues/SECRET-1/comments", "/v2/issues/SECRET-9/comments"),
        ("/v2/issues/SECRET-1/comments/1", "/v2/issues/SECRET-9/comments/1"),
        ("/v2/issues/MINE-1/comments/1", "/v2/issues/MINE-1/comments/9"),
        ("/v2/entities/project/secret", "/v2/entities/project/never"),
        ("/v2/entities/project/secret/attachments", "/v2/entities/project/never/attachments"),
        (
            f"/v2/entities/project/secret/attachments/{ids[3]}",
            f"/v2/entities/project/never/attachments/{NEVER}",
        ),
        ("/v2/users/ann", "/v2/users/never"),
    ]
    for foreign, unknown in places:
        for method in ("GET", "HEAD", "DELETE", "PATCH"):
            answer = await eve.request(method, foreign, json={"text": "x", "summary": "x"})
            assert answer.status_code in (404, 405), (method, foreign)
            expected = await eve.request(method, unknown, json={"text": "x", "summary": "x"})
            assert seen(answer) == seen(expected), (method, foreign)
    for id in ids:
        for claim in ({"attachmentIds": [id]}, {"attachmentIds": [NEVER, id]}):
            never = {"attachmentIds": [NEVER for _ in claim["attachmentIds"]]}
            for method, path, rest in (
                ("POST", "/v2/issues", {"queue": "MINE", "summary": "s"}),
                ("PATCH", "/v2/issues/MINE-1", {}),
                ("POST", "/v2/issues/MINE-1/comments", {"text": "t"}),
            ):
                answer = await eve.request(method, path, json={**rest, **claim})
                assert answer.status_code == 404
                assert seen(answer) == seen(await eve.request(method, path, json={**rest, **never}))
        answer = await eve.post(f"/v2/entities/project/secret/attachments/{id}")
        unknown_answer = await eve.post(f"/v2/entities/project/secret/attachments/{NEVER}")
        assert seen(answer) == seen(unknown_answer)
    assert await names(eve, "/v2/attachments") == []
    assert (await eve.get("/v2/issues/MINE-1")).json() == theirs
    assert await everything(ann, made["key"]) == before


async def everything(client: httpx.AsyncClient, key: str) -> list[Any]:
    return [
        (await client.get(path)).json()
        for path in (
            "/v2/attachments",
            f"/v2/issues/{key}",
            f"/v2/issues/{key}/attachments",
            f"/v2/issues/{key}/comments",
            "/v2/entities/project/secret/attachments",
        )
    ]


async def test_a_colleagues_temporary_file_looks_like_none(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    file = await uploaded(ann)
    for path, unknown in (
        (f"/v2/attachments/{file['id']}", f"/v2/attachments/{NEVER}"),
        (f"/v2/attachments/{file['id']}/report.txt", f"/v2/attachments/{NEVER}/report.txt"),
        (f"/v2/thumbnails/{file['id']}", f"/v2/thumbnails/{NEVER}"),
    ):
        for method in ("GET", "HEAD", "DELETE"):
            answer = await bob.request(method, path)
            assert seen(answer) == seen(await bob.request(method, unknown))
    for ids in ([file["id"]], [NEVER]):
        body = {"queue": "A", "summary": "s", "attachmentIds": ids}
        answer = await bob.post("/v2/issues", json=body)
        assert answer.content == (await bob.get(f"/v2/attachments/{NEVER}")).content
    assert (await ann.get(file["content"])).content == b"hello"


async def test_a_file_goes_to_the_organization_that_uploaded_it_whoever_is_asked_for(
    ann: httpx.AsyncClient, eve: httpx.AsyncClient
) -> None:
    """Naming another organization does not open it, even for one's own things."""
    file = await uploaded(ann)
    for organization in ({"X-Org-ID": "other"}, {"X-Cloud-Org-ID": "other"}):
        answer = await ann.get(file["self"], headers=organization)
        assert answer.status_code == 403
        assert file["name"].encode() not in answer.content
