from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from coatcheck.domain.claim import ById, Wanted
from coatcheck.domain.container import ContainerRef
from coatcheck.services.commands import ClaimAttachments
from tests.deeds import principal
from tests.kit import BASE, Installation
from tests.web.dialects.tracker.asks import (
    FORM,
    comment,
    form,
    issue,
    names,
    refusal,
    upload,
    uploaded,
)
from tests.web.raw import raw

MISSING = (404, "Attachment does not exist.")
TO = "/v2/issues/TREK-1/attachments"


@pytest.mark.parametrize("version", ["v2", "v3"])
@pytest.mark.parametrize("slash", ["", "/"])
async def test_a_file_goes_straight_to_an_issue(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient, version: str, slash: str
) -> None:
    await issue(ann)
    place = f"/{version}/issues/TREK-1/attachments"
    answer = await upload(bob, "отчёт.txt", bytes(2000), to=place + slash)
    assert answer.status_code == 201
    shown = answer.json()
    assert shown == {
        "self": f"{BASE}{place}/1",
        "id": "1",
        "name": "отчёт.txt",
        "content": f"{BASE}{place}/1/%D0%BE%D1%82%D1%87%D1%91%D1%82.txt",
        "createdBy": {"self": f"{BASE}/{version}/users/2", "id": "bob", "display": "bob"},
        "createdAt": "2025-06-15T15:06:40.000+0000",
        "mimetype": "text/plain",
        "size": 2000,
    }
    assert answer.headers["location"] == shown["self"]
    for reader in (ann, bob):
        listed = await reader.get(place + slash)
        assert listed.json() == [shown]
        assert "link" not in listed.headers
        assert (await reader.get(shown["self"] + slash)).json() == shown
        assert (await reader.get(shown["content"])).content == bytes(2000)
    assert await names(bob, "/v2/attachments") == []


async def test_a_file_for_an_issue_that_is_none_is_not_even_read(
    ann: httpx.AsyncClient, house: Installation
) -> None:
    answer = await upload(ann, to=TO)
    assert refusal(answer) == (404, "Issue does not exist.")
    head = {**dict(ann.headers), **FORM}
    unread = await raw(house, "POST", TO, [bytes(1000)] * 10, head, hang_up=True)
    assert (unread.status, unread.taken) == (404, 0)


@pytest.mark.parametrize("slash", ["", "/"])
async def test_files_of_an_issue_and_its_comments_are_one_list_and_go_one_by_one(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient, slash: str
) -> None:
    files = [await uploaded(ann, name) for name in ("a.txt", "b.txt", "c.txt")]
    await issue(ann, files[1]["id"])
    await comment(ann, "TREK-1", files[0]["id"])
    await upload(bob, "d.txt", to=TO)
    assert await names(bob, TO) == ["a.txt", "b.txt", "d.txt"]
    for file, left in ((files[0], ["b.txt", "d.txt"]), (files[1], ["d.txt"])):
        path = f"{TO}/{file['id']}{slash}"
        answer = await bob.request("DELETE", path, content=b"null")
        assert (answer.status_code, answer.content) == (204, b"")
        assert await names(ann, TO) == left
        assert refusal(await ann.delete(path)) == MISSING
        assert refusal(await ann.get(path)) == MISSING
        assert refusal(await ann.get(file["self"])) == MISSING
    assert (await ann.get("/v2/issues/TREK-1/comments")).json()[0]["attachments"] == []
    assert await names(ann, "/v2/attachments") == ["c.txt"]


async def test_a_temporary_file_is_not_yet_the_issues(ann: httpx.AsyncClient) -> None:
    file = await uploaded(ann)
    await issue(ann)
    for path in (f"{TO}/{file['id']}", f"{TO}/{file['id']}/report.txt"):
        assert refusal(await ann.get(path)) == MISSING
    assert refusal(await ann.delete(f"{TO}/{file['id']}")) == MISSING
    assert refusal(await ann.get(f"/v2/issues/TREK-1/thumbnails/{file['id']}")) == MISSING
    assert (await ann.get(file["self"])).status_code == 200


async def test_what_something_else_holds_too_only_leaves_the_issue(
    ann: httpx.AsyncClient, house: Installation
) -> None:
    file = await uploaded(ann)
    await issue(ann, file["id"])
    await house.services.claims.claim(
        ClaimAttachments(
            caller=await principal(house),
            ref=ContainerRef("post", "elsewhere"),
            wanted=(Wanted(reference=ById(int(file["id"]))),),
            exclusive=False,
        )
    )
    assert (await ann.delete(f"{TO}/{file['id']}")).status_code == 204
    assert await names(ann, TO) == []
    assert (await ann.get(file["content"])).content == b"hello"


async def test_an_imported_file_keeps_its_author_and_time(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient, house: Installation
) -> None:
    await house.key(login="bob")
    await issue(ann)
    answer = await ann.post(
        f"{TO}/_import/?filename=old.txt&createdAt=2017-06-11T05:16:01.339+0300&createdBy=bob",
        content=form(b"old"),
        headers=FORM,
    )
    assert answer.status_code == 200
    shown = answer.json()
    assert shown["self"] == f"{BASE}{TO}/1"
    assert (shown["name"], shown["createdBy"]["id"]) == ("old.txt", "bob")
    assert shown["createdAt"] == "2017-06-11T02:16:01.339+0000"
    assert (await ann.get(f"{TO}/1")).json() == shown
    assert (await ann.get(TO)).json() == [shown]


async def test_imports_that_overlap_keep_all_authors_and_times(
    ann: httpx.AsyncClient, house: Installation
) -> None:
    await house.key(login="bob")
    await issue(ann)

    def place(year: int) -> str:
        return f"{TO}/_import?filename={year}.txt&createdAt={year}-01-01T00:00:00.000%2B0000&createdBy=bob"

    async def slow() -> AsyncIterator[bytes]:
        body = form(b"slow")
        yield body[:10]
        assert (await ann.post(place(2012), content=form(b"fast"), headers=FORM)).status_code == 200
        yield body[10:]

    assert (await ann.post(place(2011), content=slow(), headers=FORM)).status_code == 200
    told = {
        (each["name"], each["createdAt"], each["createdBy"]["id"])
        for each in (await ann.get(TO)).json()
    }
    assert told == {(f"{y}.txt", f"{y}-01-01T00:00:00.000+0000", "bob") for y in (2011, 2012)}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (
            "",
            (
                422,
                {
                    "filename": "File name is required.",
                    "createdAt": "A time like 2017-06-11T05:16:01.339+0000 is expected.",
                    "createdBy": "User does not exist.",
                },
            ),
        ),
        (
            "filename=x&createdBy=ann&createdAt=2017-13-11T05:16:01.339%2B0000",
            (422, {"createdAt": "A time like 2017-06-11T05:16:01.339+0000 is expected."}),
        ),
        (
            "filename=x&createdBy=eve&createdAt=2017-06-11T05:16:01.339%2B0000",
            (422, {"createdBy": "User does not exist."}),
        ),
        (
            f"filename={'x' * 256}&createdBy=1&createdAt=2017-06-11T05:16:01.339%2B0000",
            (400, "File name is not valid."),
        ),
    ],
)
async def test_an_import_says_who_and_when(
    ann: httpx.AsyncClient, eve: httpx.AsyncClient, query: str, expected: Any
) -> None:
    await issue(ann)
    answer = await ann.post(f"{TO}/_import?{query}", content=form(b"old"), headers=FORM)
    assert refusal(answer) == expected
    assert await names(ann, TO) == []
