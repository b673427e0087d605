"""Forms, names and ids that no client sends by mistake."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from coatcheck.blobs.base import BlobStore
from tests.kit import Installation
from tests.web.dialects.tracker.asks import (
    BOUNDARY,
    END,
    FORM,
    form,
    headers,
    issue,
    names,
    part,
    refusal,
    uploaded,
)
from tests.web.raw import raw

UPLOADS = ("/v2/attachments/", "/v3/issues/TREK-1/attachments")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (form(b"x"), "multipart/form-data"),
        (form(b"x"), "multipart/form-data; boundary="),
        (form(b"x"), f"multipart/form-data; boundary={'x' * 71}"),
        (form(b"x"), "multipart/form-data; boundary=OTHER"),
        (form(b"x"), f"multipart/related; boundary={BOUNDARY}"),
        (part(b"x"), FORM["Content-Type"]),
        (part(b"x" * 5000)[:3000], FORM["Content-Type"]),
        (b"x" * 100_000 + form(b"x"), FORM["Content-Type"]),
        (form(b"x") + b"x" * 100_000, FORM["Content-Type"]),
        (part(b"x") + part(b"y") + END, FORM["Content-Type"]),
        (part(b"1", filename=None) * 17 + form(b"x"), FORM["Content-Type"]),
        (
            form(b"x").replace(b"\r\n\r\n", b"\r\n" + b"A: b\r\n" * 9 + b"\r\n", 1),
            FORM["Content-Type"],
        ),
        (
            form(b"x").replace(b"\r\n\r\n", b"\r\nContent-Type: multipart/mixed\r\n\r\n", 1),
            FORM["Content-Type"],
        ),
        (
            form(b"x").replace(b"Content-Disposition", b"Content Disposition", 1),
            FORM["Content-Type"],
        ),
    ],
)
async def test_a_form_that_is_none_is_refused_and_leaves_nothing(
    ann: httpx.AsyncClient, house: Installation, body: bytes, content_type: str
) -> None:
    await issue(ann)
    for path in UPLOADS:
        answer = await ann.post(
            path, params={"filename": "x"}, content=body, headers={"Content-Type": content_type}
        )
        assert refusal(answer)[0] == 400
    assert await names(ann, "/v2/attachments") == []
    assert await names(ann, UPLOADS[1]) == []
    assert house.blobs() == []


async def test_a_charset_of_the_form_is_not_listened_to(ann: httpx.AsyncClient) -> None:
    for charset in ("punycode", "utf-7", "nonsense"):
        answer = await ann.post(
            "/v2/attachments",
            content=part(b"a" * 60_000, name="n", filename=None) + form(b"x", filename="a.txt"),
            headers={"Content-Type": f"{FORM['Content-Type']}; charset={charset}"},
        )
        assert answer.json()["name"] == "a.txt"


async def test_two_names_of_one_file_are_settled_by_the_plain_one(ann: httpx.AsyncClient) -> None:
    body = form(b"x", filename="ok.png").replace(
        b'"ok.png"', b"\"ok.png\"; filename*=UTF-8''evil.html"
    )
    answer = await ann.post("/v2/attachments", content=body, headers=FORM)
    assert (answer.json()["name"], answer.json()["mimetype"]) == ("ok.png", "image/png")


async def test_a_compressed_body_is_not_inflated(ann: httpx.AsyncClient) -> None:
    await issue(ann)
    for method, path in (
        ("POST", UPLOADS[0]),
        ("POST", "/v2/issues"),
        ("PATCH", "/v2/issues/TREK-1"),
    ):
        answer = await ann.request(
            method, path, content=form(b"x"), headers={**FORM, "Content-Encoding": "gzip"}
        )
        assert refusal(answer)[0] == 415


@pytest.mark.parametrize("path", UPLOADS)
async def test_nothing_is_read_of_a_body_whose_sender_is_unknown_or_elsewhere(
    ann: httpx.AsyncClient, house: Installation, path: str
) -> None:
    await issue(ann)
    pieces = [form(b"x" * 50_000)] * 20
    known = await headers(house)
    for given, status in (
        ({}, 401),
        ({"Authorization": "OAuth wrong", "X-Org-ID": "acme"}, 401),
        ({"Authorization": known["Authorization"]}, 403),
        ({**known, "X-Org-ID": "other"}, 403),
    ):
        answer = await raw(house, "POST", path, pieces, {**FORM, **given}, hang_up=True)
        assert (answer.status, answer.taken) == (status, 0)


@pytest.mark.parametrize("path", UPLOADS)
async def test_a_body_that_announces_too_much_is_not_read(
    ann: httpx.AsyncClient, house: Installation, path: str
) -> None:
    await issue(ann)
    head = {**FORM, **await headers(house), "Content-Length": "5000000000"}
    answer = await raw(house, "POST", path, [form(b"x")], head, hang_up=True)
    assert (answer.status, answer.taken) == (413, 0)


@pytest.mark.parametrize("path", UPLOADS)
async def test_a_sender_that_hangs_up_leaves_nothing(
    ann: httpx.AsyncClient, house: Installation, path: str
) -> None:
    await issue(ann)
    head = {**FORM, **await headers(house)}
    whole = form(b"x" * 50_000)
    for end in (10, 100, 30_000, len(whole) - 3):
        answer = await raw(house, "POST", path, [whole[:end]], head, hang_up=True)
        assert answer.status == 400
    assert await names(ann, "/v2/attachments") == []
    assert await names(ann, UPLOADS[1]) == []
    assert house.blobs() == []


@pytest.mark.parametrize(
    "id",
    [
        *("0", "-1", "1_0", "+1", "%201", "1.0", "%EF%BC%91", "1e3", "0x1", "01"),
        *("99999999999999999999", "9" * 5000, "1%00", "1;2", "%ff", "None"),
    ],
)
async def test_an_id_has_one_spelling(ann: httpx.AsyncClient, id: str) -> None:
    file = await uploaded(ann)
    assert file["id"] == "1"
    other = await uploaded(ann)
    await issue(ann, other["id"])
    for path in (
        "/v2/attachments/{}",
        "/v2/attachments/{}/report.txt",
        "/v2/thumbnails/{}",
        "/v2/issues/TREK-1/attachments/{}",
        "/v2/issues/TREK-1/attachments/{}/x",
        "/v2/entities/project/1/attachments/{}",
    ):
        for method in ("GET", "DELETE"):
            answer = await ann.request(method, path.format(id))
            assert answer.status_code in (404, 405), (method, path)
            refusal(answer)
    assert (await ann.get("/v2/attachments/1")).status_code == 200


async def test_unknown_queries_are_not_listened_to(ann: httpx.AsyncClient) -> None:
    file = await uploaded(ann)
    for query in ("page=-1&owner=bob&tenant=other&perPage=abc", "%00=%ff", "a[]=1", "x" * 10_000):
        assert (await ann.get(f"/v2/attachments?{query}")).json() == [file]


async def test_of_many_issues_that_want_one_file_one_gets_it(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    file = await uploaded(ann)
    body = {"queue": "RACE", "summary": "s", "attachmentIds": [file["id"]]}
    answers = await asyncio.gather(*(ann.post("/v2/issues", json=body) for _ in range(8)))
    assert sorted(each.status_code for each in answers) == [201, *[422] * 7]
    assert (await ann.get("/v2/issues/RACE-2")).status_code == 404


async def test_a_delete_and_an_issue_do_not_both_get_a_file(ann: httpx.AsyncClient) -> None:
    for _ in range(5):
        file = await uploaded(ann)
        body = {"queue": "RACE", "summary": "s", "attachmentIds": [file["id"]]}
        made, deleted = await asyncio.gather(
            ann.post("/v2/issues", json=body), ann.delete(file["self"])
        )
        assert (made.status_code, deleted.status_code) in {(201, 404), (404, 204)}
        assert (await ann.get(file["content"])).status_code == (
            200 if made.status_code == 201 else 404
        )


async def test_an_issue_that_goes_on_holding_is_readable_whatever_the_sweep(
    ann: httpx.AsyncClient, house: Installation
) -> None:
    file = await uploaded(ann, content=bytes(5000))
    await issue(ann, file["id"])
    house.clock.advance(10 * 24 * 3600)
    await house.services.reaping.sweep()
    assert (await ann.get(file["content"])).content == bytes(5000)
    store: BlobStore = house.services.blobs
    assert store is not None
    assert len(house.blobs()) == 1
