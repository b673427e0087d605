"""Upload, claim, replace: who may take which attachment into a work package, and what becomes of the others."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from coatcheck.domain.claim import ById, Wanted
from coatcheck.domain.container import ContainerRef
from coatcheck.services.commands import ClaimAttachments
from tests.books import assert_books_balance
from tests.kit import Installation
from tests.web.dialects.openproject.speaking import (
    NOT_FOUND,
    PNG,
    held,
    links,
    patch,
    principal,
    refusal,
    told,
    upload,
    uploaded,
    work_package,
)

UNKNOWN = (422, "PropertyConstraintViolation", "Attachments does not exist.", "attachments")
TAKEN = (422, "PropertyConstraintViolation", "Attachments cannot be changed.", "attachments")
CONFLICT = (
    409,
    "UpdateConflict",
    "Could not update the resource because of conflicting modifications.",
    None,
)


async def test_a_work_package_claims_what_it_names_and_shows_it_whole(
    ann: httpx.AsyncClient,
) -> None:
    first, second = await uploaded(ann), await uploaded(ann, name="b.txt")
    body = {
        "subject": "Claims",
        "description": {"raw": "with <two>"},
        "_links": {
            "project": {"href": "/api/v3/projects/3"},
            "type": {"href": "/api/v3/types/2"},
            "attachments": links(2, 1),
        },
    }

    answer = await ann.post("/api/v3/work_packages?notify=false", json=body)

    container = {"href": "/api/v3/work_packages/1", "title": "Claims"}
    for each in (first, second):
        each["_links"]["container"] = container
    assert answer.headers["location"] == "/api/v3/work_packages/1"
    assert told(answer, 201) == {
        "_type": "WorkPackage",
        "id": 1,
        "lockVersion": 0,
        "subject": "Claims",
        "description": {
            "format": "markdown",
            "raw": "with <two>",
            "html": "<p>with &lt;two&gt;</p>",
        },
        "createdAt": "2025-06-15T15:06:40Z",
        "updatedAt": "2025-06-15T15:06:40Z",
        "_links": {
            "self": container,
            "project": {"href": "/api/v3/projects/3", "title": "Project 3"},
            "type": {"href": "/api/v3/types/2", "title": "Type 2"},
            "status": {"href": "/api/v3/statuses/1", "title": "New"},
            "priority": {"href": "/api/v3/priorities/8", "title": "Normal"},
            "author": {"href": "/api/v3/users/1", "title": "ann"},
            "attachments": {"href": "/api/v3/work_packages/1/attachments"},
            "addAttachment": {"href": "/api/v3/work_packages/1/attachments", "method": "post"},
            "update": {"href": "/api/v3/work_packages/1", "method": "patch"},
        },
        "_embedded": {
            "attachments": {
                "_type": "Collection",
                "total": 2,
                "count": 2,
                "_embedded": {"elements": [first, second]},
                "_links": {"self": {"href": "/api/v3/work_packages/1/attachments"}},
            }
        },
    }
    shown = told(await ann.get("/api/v3/work_packages/1"))
    assert shown == answer.json()
    listed = told(await ann.get("/api/v3/work_packages/1/attachments?offset=2&pageSize=1"))
    assert listed == shown["_embedded"]["attachments"]
    assert told(await ann.get("/api/v3/attachments/1")) == first


async def test_attachments_are_listed_oldest_first(
    ann: httpx.AsyncClient, house: Installation
) -> None:
    for _ in range(3):
        await uploaded(ann)
        house.clock.advance(1)
    await work_package(ann, 3, 1)
    await patch(ann, 1, [3, 2, 1])
    assert await held(ann) == [1, 2, 3]


@pytest.mark.parametrize("method", ["create", "patch"])
async def test_what_cannot_be_claimed_is_told_and_nothing_is_claimed(
    ann: httpx.AsyncClient,
    bob: httpx.AsyncClient,
    eve: httpx.AsyncClient,
    house: Installation,
    method: str,
) -> None:
    await uploaded(ann, name="held.png")
    await work_package(ann, 1, subject="Holder")
    await work_package(ann, subject="Claimer")
    await uploaded(ann, name="expired.png")
    house.clock.advance(181 * 60)
    for client in (ann, bob, eve):
        await uploaded(client)
    mine, foreign, elsewhere, expired, unknown = 3, 4, 5, 2, 99

    async def claim(*ids: int) -> httpx.Response:
        if method == "patch":
            return await patch(ann, 2, ids)
        body = {"subject": "x", "_links": {"attachments": links(*ids)}}
        return await ann.post("/api/v3/work_packages", json=body)

    refused = [await claim(mine, id) for id in (foreign, elsewhere, expired, unknown)]

    assert [refusal(each) for each in refused] == [UNKNOWN] * 4
    assert len({each.content for each in refused}) == 1
    assert refusal(await claim(mine, 1)) == TAKEN
    assert refusal(await claim(1, unknown)) == UNKNOWN
    assert told(await ann.get("/api/v3/attachments/3"))["_links"]["container"] == {"href": None}
    assert told(await bob.get("/api/v3/attachments/4"))["_links"]["container"] == {"href": None}
    assert await held(ann, "work_packages/1") == [1]
    assert await held(ann, "work_packages/2") == []
    assert told(await ann.get("/api/v3/work_packages/2"))["lockVersion"] == 0
    assert refusal(await ann.get("/api/v3/work_packages/3")) == NOT_FOUND
    assert_books_balance(house)


async def test_an_expired_attachment_of_another_is_told_like_an_unknown_one(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient, house: Installation
) -> None:
    await uploaded(bob)
    house.clock.advance(181 * 60)
    body = {"subject": "x", "_links": {"attachments": links(1)}}
    assert refusal(await ann.post("/api/v3/work_packages", json=body)) == UNKNOWN


@pytest.mark.parametrize(
    "href",
    [
        "/x",
        "/api/v3/attachments/",
        "/api/v3/attachments/a",
        "/api/v3/attachments/1/",
        "/api/v3/attachments/-1",
        "/api/v3/attachments/1_0",
        "/api/v3/attachments/１",
        "/api/v3/work_packages/1",
        "http://coatcheck.test/api/v3/attachments/1",
        "/api/v3/attachments/1\n",
    ],
)
async def test_a_link_that_leads_elsewhere_is_refused(ann: httpx.AsyncClient, href: str) -> None:
    await uploaded(ann)
    body = {"subject": "x", "_links": {"attachments": [{"href": href}]}}
    answer = await ann.post("/api/v3/work_packages", json=body)
    message = (
        "For property 'attachments' a link like '/api/v3/attachments/:id' is expected, "
        f"but got '{href}'."
    )
    assert refusal(answer) == (422, "ResourceTypeMismatch", message, "attachments")


@pytest.mark.parametrize("link", [None, {}, {"href": None}, 5, [], {"href": 1}])
async def test_a_link_that_is_none_is_refused(ann: httpx.AsyncClient, link: Any) -> None:
    body = {"subject": "x", "_links": {"attachments": [link]}}
    answer = await ann.post("/api/v3/work_packages", json=body)
    assert refusal(answer)[:2] == (422, "ResourceTypeMismatch")


@pytest.mark.parametrize("id", ["0", "00", "9" * 18, "9" * 30, "9" * 5000])
async def test_a_number_that_nothing_has_is_unknown(ann: httpx.AsyncClient, id: str) -> None:
    body = {"subject": "x", "_links": {"attachments": [{"href": f"/api/v3/attachments/{id}"}]}}
    assert refusal(await ann.post("/api/v3/work_packages", json=body)) == UNKNOWN


async def test_attachments_too_many_at_once_are_refused(ann: httpx.AsyncClient) -> None:
    body = {"subject": "x", "_links": {"attachments": links(*range(1, 502))}}
    answer = await ann.post("/api/v3/work_packages", json=body)
    assert refusal(answer)[:2] == (422, "PropertyConstraintViolation")


async def test_the_same_attachment_named_twice_is_held_once(ann: httpx.AsyncClient) -> None:
    await uploaded(ann)
    await work_package(ann, 1, 1)
    assert await held(ann) == [1]


async def test_a_patch_replaces_all_that_a_work_package_holds(
    ann: httpx.AsyncClient, house: Installation
) -> None:
    for _ in range(4):
        await uploaded(ann)
    await work_package(ann, 1, 2, 3)

    answer = told(await patch(ann, 1, [3, 4], lockVersion=0))

    assert answer["lockVersion"] == 1
    assert answer["_embedded"]["attachments"]["total"] == 2
    assert await held(ann) == [3, 4]
    for gone in (1, 2):
        assert refusal(await ann.get(f"/api/v3/attachments/{gone}")) == NOT_FOUND
        assert refusal(await ann.get(f"/api/v3/attachments/{gone}/content")) == NOT_FOUND
        assert refusal(await ann.delete(f"/api/v3/attachments/{gone}")) == NOT_FOUND
    assert len(house.blobs()) == 2
    assert_books_balance(house, settled=True)


async def test_an_empty_list_deletes_all_and_anything_else_nothing(ann: httpx.AsyncClient) -> None:
    await uploaded(ann)
    await work_package(ann, 1)
    for said in (None, {}, "id1", 5, {"href": "/api/v3/attachments/1"}):
        body = {"subject": "Same", "_links": {"attachments": said}}
        told(await ann.patch("/api/v3/work_packages/1", json=body))
        assert await held(ann) == [1]
    told(await ann.patch("/api/v3/work_packages/1", json={"subject": "Still the same"}))
    assert await held(ann) == [1]
    told(await patch(ann, 1, []))
    assert await held(ann) == []
    assert refusal(await ann.get("/api/v3/attachments/1")) == NOT_FOUND


async def test_a_refused_patch_deletes_nothing(ann: httpx.AsyncClient) -> None:
    await uploaded(ann)
    await work_package(ann, 1)
    assert refusal(await patch(ann, 1, [99], subject="Changed")) == UNKNOWN
    assert await held(ann) == [1]
    assert told(await ann.get("/api/v3/work_packages/1"))["subject"] == "Claims"


async def test_who_changes_an_old_version_is_told_of_the_conflict(ann: httpx.AsyncClient) -> None:
    await uploaded(ann)
    await work_package(ann, 1)
    told(await patch(ann, 1, [1], lockVersion=0))
    for stale in (0, 5, -1):
        assert refusal(await patch(ann, 1, [], lockVersion=stale)) == CONFLICT
    assert await held(ann) == [1]
    assert told(await patch(ann, 1, [1], lockVersion=1))["lockVersion"] == 2
    assert told(await patch(ann, 1, [1]))["lockVersion"] == 3


async def test_of_two_patches_on_one_version_one_wins(ann: httpx.AsyncClient) -> None:
    await work_package(ann)
    answers = await asyncio.gather(
        *(
            ann.patch("/api/v3/work_packages/1", json={"lockVersion": 0, "subject": str(n)})
            for n in range(5)
        )
    )
    assert sorted(each.status_code for each in answers) == [200, 409, 409, 409, 409]


async def test_of_two_racing_claims_one_wins_and_the_other_changes_nothing(
    ann: httpx.AsyncClient, house: Installation
) -> None:
    for _ in range(3):
        await uploaded(ann)
    bodies = [
        {"subject": str(ids), "_links": {"attachments": links(*ids)}} for ids in ((1, 2), (3, 2))
    ]
    answers = await asyncio.gather(
        *(ann.post("/api/v3/work_packages", json=body) for body in bodies)
    )
    assert sorted(each.status_code for each in answers) == [201, 422]
    assert refusal(next(each for each in answers if each.status_code == 422)) == TAKEN
    assert len(await held(ann)) == 2
    assert_books_balance(house)


async def test_of_a_claim_and_a_delete_one_is_first(
    ann: httpx.AsyncClient, house: Installation
) -> None:
    for id in range(1, 6):
        await uploaded(ann)
        body = {"subject": "x", "_links": {"attachments": links(id)}}
        claimed, deleted = await asyncio.gather(
            ann.post("/api/v3/work_packages", json=body), ann.delete(f"/api/v3/attachments/{id}")
        )
        assert (claimed.status_code, deleted.status_code) in {(201, 204), (422, 204)}
        assert refusal(await ann.get(f"/api/v3/attachments/{id}")) == NOT_FOUND
    assert_books_balance(house)


async def test_once_claimed_an_attachment_is_for_the_whole_tenant(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient, eve: httpx.AsyncClient
) -> None:
    await uploaded(ann)
    await work_package(ann, 1)
    shown = told(await bob.get("/api/v3/attachments/1"))
    assert shown["_links"]["author"] == {"href": "/api/v3/users/1", "title": "ann"}
    assert (await bob.get("/api/v3/attachments/1/content")).content == PNG
    assert refusal(await eve.get("/api/v3/attachments/1")) == NOT_FOUND
    told(await patch(bob, 1, [1], subject="Bob was here"))
    assert (await bob.delete("/api/v3/attachments/1")).status_code == 204
    assert await held(ann) == []
    assert refusal(await ann.get("/api/v3/attachments/1")) == NOT_FOUND


async def test_nobody_brings_an_attachment_of_another_into_a_common_work_package(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    await work_package(ann)
    await uploaded(bob)
    assert refusal(await patch(ann, 1, [1])) == UNKNOWN
    told(await patch(bob, 1, [1]))
    told(await patch(ann, 1, [1]))
    assert await held(ann) == [1]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, ("PropertyConstraintViolation", "Subject can't be blank.", "subject")),
        ({"subject": " "}, ("PropertyConstraintViolation", "Subject can't be blank.", "subject")),
        (
            {"subject": "s" * 256},
            (
                "PropertyConstraintViolation",
                "Subject is too long (maximum is 255 characters).",
                "subject",
            ),
        ),
        ({"subject": 5}, ("PropertyFormatError", None, "subject")),
        ({"subject": "x", "description": 5}, ("PropertyFormatError", None, "description")),
        ({"subject": "x", "lockVersion": "0"}, ("PropertyFormatError", None, "lockVersion")),
        ({"subject": "x", "lockVersion": True}, ("PropertyFormatError", None, "lockVersion")),
        ({"subject": "x", "_links": []}, ("PropertyFormatError", None, "_links")),
        (
            {"subject": "x", "_links": {"project": {"href": None}}},
            ("PropertyConstraintViolation", "Project can't be blank.", "project"),
        ),
        (
            {"subject": "x", "_links": {"type": {"href": "/api/v3/projects/1"}}},
            (
                "ResourceTypeMismatch",
                (
                    "For property 'type' a link like '/api/v3/types/:id' is expected, "
                    "but got '/api/v3/projects/1'."
                ),
                "type",
            ),
        ),
    ],
)
async def test_what_is_wrong_with_a_work_package_is_told(
    ann: httpx.AsyncClient, body: dict[str, Any], expected: tuple[str, str | None, str]
) -> None:
    answer = await ann.post("/api/v3/work_packages", json=body)
    status, identifier, message, attribute = refusal(answer)
    assert (status, identifier, attribute) == (422, expected[0], expected[2])
    assert expected[1] in (message, None)


async def test_several_faults_are_told_at_once(ann: httpx.AsyncClient) -> None:
    body = {"subject": "", "lockVersion": "x", "_links": {"attachments": [{"href": "/x"}]}}
    answer = await ann.post("/api/v3/work_packages", json=body)
    message = "Multiple field constraints have been violated."
    assert refusal(answer) == (422, "MultipleErrors", message, None)
    errors = answer.json()["_embedded"]["errors"]
    assert [each["_embedded"]["details"]["attribute"] for each in errors] == [
        "subject",
        "lockVersion",
        "attachments",
    ]
    assert {each["_type"] for each in errors} == {"Error"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "The request could not be parsed as JSON."),
        (b"{", "The request could not be parsed as JSON."),
        (b"\xff\xfe{}", "The request could not be parsed as JSON."),
        (b"[" * 100_000, "The request could not be parsed as JSON."),
        (b'{"subject": ' + b"9" * 5000 + b"}", "The request could not be parsed as JSON."),
        (b'{"subject": NaN}', "The request could not be parsed as JSON."),
        (b'{"subject": "' + b"x" * 300_000 + b'"}', "The request could not be parsed as JSON."),
        (b"[]", "The request body was not a single JSON object."),
        (b"null", "The request body was not a single JSON object."),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_a_body_that_is_no_object_is_refused(
    ann: httpx.AsyncClient, method: str, content: bytes, message: str
) -> None:
    path = "/api/v3/work_packages" + ("/1" if method == "PATCH" else "")
    headers = {"Content-Type": "application/json"}
    answer = await ann.request(method, path, content=content, headers=headers)
    assert refusal(answer) == (400, "InvalidRequestBody", message, None)


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_a_work_package_comes_as_json_of_either_name(
    ann: httpx.AsyncClient, method: str
) -> None:
    path = "/api/v3/work_packages" + ("/1" if method == "PATCH" else "")
    for given in ("application/json", "application/hal+json;charset=utf-8", "Application/JSON"):
        headers = {"Content-Type": given}
        content = b'{"subject": "x"}'
        answer = await ann.request(method, path, content=content, headers=headers)
        assert answer.is_success, answer.text
    headers = {"Content-Type": "text/plain"}
    answer = await ann.request(method, path, content=b"{}", headers=headers)
    message = (
        "Expected CONTENT-TYPE to be 'application/json application/hal+json' but got 'text/plain'."
    )
    assert refusal(answer) == (415, "TypeNotSupported", message, None)
    answer = await ann.request(method, path)
    assert (answer.status_code, answer.text) == (406, "Missing content-type header")


async def test_what_a_client_may_not_set_is_ignored(ann: httpx.AsyncClient) -> None:
    sent = {
        "id": 9,
        "createdAt": "1970-01-01T00:00:00Z",
        "author": "eve",
        "_links": {"author": {"href": "/api/v3/users/2"}, "assignee": {"href": "x"}},
    }
    body = told(await ann.post("/api/v3/work_packages", json={"subject": "x", **sent}), 201)
    assert body["id"] == 1
    assert body["createdAt"] == "2025-06-15T15:06:40Z"
    assert body["_links"]["author"]["href"] == "/api/v3/users/1"


async def test_a_work_package_may_be_made_in_a_project(ann: httpx.AsyncClient) -> None:
    await uploaded(ann)
    body = {
        "subject": "x",
        "_links": {"project": {"href": "/api/v3/projects/1"}, "attachments": links(1)},
    }
    answer = await ann.post("/api/v3/projects/12/work_packages", json=body)
    assert told(answer, 201)["_links"]["project"]["href"] == "/api/v3/projects/12"
    assert await held(ann) == [1]
    assert refusal(await ann.post("/api/v3/projects/0/work_packages", json=body)) == NOT_FOUND


async def test_number_one_is_there_before_anything_was_made(ann: httpx.AsyncClient) -> None:
    assert told(await ann.get("/api/v3/work_packages/1"))["subject"] == "Demo work package"
    assert (await work_package(ann))["id"] == 2
    assert refusal(await ann.get("/api/v3/work_packages/3")) == NOT_FOUND


async def test_the_first_that_is_made_is_number_one(ann: httpx.AsyncClient) -> None:
    assert (await work_package(ann))["id"] == 1
    assert told(await ann.get("/api/v3/work_packages/1"))["subject"] == "Claims"


async def test_number_one_is_made_once_whoever_looks_first(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    answers = await asyncio.gather(
        *(client.get("/api/v3/work_packages/1") for client in (ann, bob) * 4)
    )
    assert len({each.content for each in answers}) == 1
    assert (await work_package(ann))["id"] == 2


async def test_a_work_package_that_another_api_claimed_for_is_shown_and_its_number_not_given_out(
    ann: httpx.AsyncClient, house: Installation
) -> None:
    await uploaded(ann)
    caller = await principal(house)
    ref = ContainerRef("work_package", "1")
    wanted = (Wanted(reference=ById(1)),)
    await house.services.claims.claim(
        ClaimAttachments(caller=caller, ref=ref, wanted=wanted, exclusive=True)
    )
    assert await held(ann) == [1]
    assert told(await ann.get("/api/v3/work_packages/1"))["subject"] == "Work package 1"
    assert (await work_package(ann))["id"] == 2


async def test_an_upload_into_a_work_package_is_held_at_once(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    made = await uploaded(ann, path="/api/v3/work_packages/1/attachments")
    expected = {"href": "/api/v3/work_packages/1", "title": "Demo work package"}
    assert made["_links"]["container"] == expected
    assert await held(bob) == [1]
    await uploaded(bob, path="/api/v3/work_packages/1/attachments")
    assert await held(ann) == [1, 2]
    assert refusal(await upload(ann, path="/api/v3/work_packages/7/attachments")) == NOT_FOUND
