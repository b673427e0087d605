"""`POST /attachments` with a whole attachment: Campr, «Upload a single attachment»."""

from __future__ import annotations

import asyncio
import base64
import hashlib

import httpx
import pytest

from tests.kit import Installation
from tests.web.dialects.campr.speaking import (
    Answer,
    assert_nothing_is_left,
    call,
    error_of,
    holdings,
    in_pieces,
    listed,
    sha3,
    upload,
)

DAY = 24 * 3600


async def bearer(house: Installation) -> tuple[str, str]:
    return "Authorization", f"Bearer {await house.key()}"


async def test_an_upload_is_answered_with_what_is_kept_of_it(
    house: Installation, ann: httpx.AsyncClient
) -> None:
    answer = await ann.post(
        "/attachments",
        content=b"hello",
        headers={
            "Content-Type": "image/png",
            "Content-Disposition": "attachment; filename=profile.png",
        },
    )

    now = house.clock.now() // 1000
    digest = "3338be694f50c5f338814986cdf0686453a888b84f424d792af4b9202398f392"
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["location"] == f"http://coatcheck.test/attachments/{digest}"
    assert answer.json() == {
        "attachment": {
            "digest": digest,
            "name": "profile.png",
            "content_type": "image/png",
            "size": 5,
            "created_at": now,
            "expires_at": now + DAY,
        }
    }


@pytest.mark.parametrize("size", [0, 1, 16, 17, 70_000])
async def test_bytes_come_back_as_they_were_sent(ann: httpx.AsyncClient, size: int) -> None:
    data = bytes(each % 251 for each in range(size))
    digest = await upload(ann, data)
    assert (await ann.get(f"/attachments/{digest}")).content == data


async def test_a_body_of_unknown_length_is_taken(ann: httpx.AsyncClient) -> None:
    data = b"z" * 70_000
    answer = await ann.post("/attachments", content=in_pieces(data))
    assert answer.status_code == 200
    assert answer.json()["attachment"]["digest"] == sha3(data)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (None, "application/octet-stream"),
        ("application/x-www-form-urlencoded", "application/octet-stream"),
        ("text/html", "text/html"),
        ("image/svg+xml", "image/svg+xml"),
        ("Text/Plain; charset=UTF-8", "text/plain; charset=utf-8"),
        ("multipart/form-data; boundary=x", "multipart/form-data"),
        ("", "application/octet-stream"),
        ("a/b/c", "application/octet-stream"),
        ("x" * 10_000 + "/y", "application/octet-stream"),
        ("text/html\x0b", "application/octet-stream"),
        ('image/png; charset="x"', "image/png"),
    ],
)
async def test_the_type_is_what_the_sender_says_or_nothing_in_particular(
    house: Installation, given: str | None, kept: str
) -> None:
    headers = [await bearer(house), ("Content-Length", "3")]
    headers += [("Content-Type", given)] if given is not None else []
    headers += [("Content-Disposition", "attachment; filename=page.html")]

    answer = await call(house.app, "POST", "/attachments", headers, [b"GIF"])

    assert answer.status_code == 200
    assert answer.json()["attachment"]["content_type"] == kept


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("attachment", None),
        ("attachment; filename=", None),
        ('attachment; filename=""', None),
        ("attachment; filename=profile.png", "profile.png"),
        ('attachment; filename="a b.png"', "a b.png"),
        ("attachment; filename=x; filename*=UTF-8''%E2%82%AC.png", "€.png"),
        ("attachment; filename*=iso-8859-1'en'%A3.txt", "£.txt"),
        ("attachment; filename=plain.txt; filename*=utf-7''x", "plain.txt"),
        ("attachment; filename=plain.txt; filename*=UTF-8''%ZZ", "plain.txt"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ("attachment; filename=..\\..\\x", "x"),
        ("attachment; filename=C:\\x", "x"),
        ("attachment; filename*=UTF-8''a%00b%7f.png", "ab.png"),
        ("attachment; filename*=UTF-8''%E2%80%AEgpj.exe", "gpj.exe"),
        ("attachment; filename*=UTF-8''e%CC%81.txt", "é.txt"),
        ("attachment; filename=CON", "CON"),
        (
            'attachment; filename="<img src=x onerror=alert(1)>.png"',
            "<img src=x onerror=alert(1)>.png",
        ),
        ('attachment; filename="\'; DROP TABLE a;--"', "'; DROP TABLE a;--"),
    ],
)
async def test_the_name_is_cleaned_and_otherwise_kept(
    ann: httpx.AsyncClient, given: str, kept: str | None
) -> None:
    answer = await ann.post("/attachments", content=b"x", headers={"Content-Disposition": given})
    assert answer.status_code == 200, answer.text
    assert answer.json()["attachment"]["name"] == kept


@pytest.mark.parametrize(
    "given",
    [
        'attachment; filename=".."',
        'attachment; filename=" "',
        'attachment; filename="..."',
        'attachment; filename="a/"',
        "attachment; filename*=UTF-8''" + "x" * 256,
        "attachment; filename=a; filename=b",
        "; filename=a",
        "attachment; filename*=UTF-8''%ED%A0%80.png; filename=/",
    ],
)
async def test_what_is_no_name_is_refused(
    house: Installation, ann: httpx.AsyncClient, given: str
) -> None:
    answer = await ann.post(
        "/attachments", content=b"x" * 100, headers={"Content-Disposition": given}
    )
    assert error_of(answer) == (400, "invalid_request")
    await assert_nothing_is_left(house, ann)


@pytest.mark.parametrize("field", ["Content-Disposition", "Content-Type", "Client-Request-ID"])
async def test_a_field_that_is_given_twice_is_refused(house: Installation, field: str) -> None:
    twice = [(field, "text/plain"), (field, "text/plain")]
    headers = [await bearer(house), ("Content-Length", "1"), *twice]
    answer = await call(house.app, "POST", "/attachments", headers, [b"x"])
    assert error_of(answer) == (400, "invalid_request")


async def test_a_request_without_any_body_is_a_mistake(house: Installation) -> None:
    for id in ([], [("Client-Request-ID", "one")]):
        answer = await call(house.app, "POST", "/attachments", [await bearer(house), *id])
        assert error_of(answer) == (400, "invalid_request")
    async with house.client() as ann:
        await assert_nothing_is_left(house, ann)


async def test_an_empty_attachment_is_one_that_says_so(house: Installation) -> None:
    headers = [await bearer(house), ("Content-Length", "0")]
    answer = await call(house.app, "POST", "/attachments", headers)
    assert answer.status_code == 200
    assert answer.json()["attachment"]["digest"] == sha3(b"")


async def test_what_says_it_is_too_large_is_refused_unread(house: Installation) -> None:
    for id in ([], [("Client-Request-ID", "one")]):
        headers = [await bearer(house), ("Content-Length", "1000001"), *id]
        answer = await call(house.app, "POST", "/attachments", headers, [b"x" * 1000] * 2000)
        assert error_of(answer) == (413, "payload_too_large")
        assert answer.taken == 0


@pytest.mark.parametrize("id", [{}, {"Client-Request-ID": "one"}])
async def test_what_turns_out_too_large_is_refused_there_and_leaves_nothing(
    house: Installation, ann: httpx.AsyncClient, id: dict[str, str]
) -> None:
    answer = await ann.post("/attachments", content=in_pieces(b"x" * 1_000_001), headers=id)
    assert error_of(answer) == (413, "payload_too_large")
    await assert_nothing_is_left(house, ann)


@pytest.mark.parametrize("id", [[], [("Client-Request-ID", "one")]])
@pytest.mark.parametrize("length", [5, 50, 50_000])
async def test_a_body_that_is_cut_leaves_nothing(
    house: Installation, ann: httpx.AsyncClient, id: list[tuple[str, str]], length: int
) -> None:
    data = b"x" * length
    told = [await bearer(house), ("Content-Length", str(length + 1)), *id]
    untold = [await bearer(house), ("Transfer-Encoding", "chunked"), *id]
    answers: list[Answer] = [
        await call(house.app, "POST", "/attachments", told, [data], hang_up=True),
        await call(house.app, "POST", "/attachments", untold, [data], hang_up=True),
        await call(house.app, "POST", "/attachments", told, [data]),
    ]
    assert [error_of(answer) for answer in answers] == [(400, "invalid_request")] * 3
    await assert_nothing_is_left(house, ann)


def _structured(algorithm: str, name: str, data: bytes) -> str:
    digest = hashlib.new(name, data, usedforsecurity=False).digest()
    return f"{algorithm}=:{base64.b64encode(digest).decode()}:"


@pytest.mark.parametrize("id", [{}, {"Client-Request-ID": "one"}])
@pytest.mark.parametrize("field", ["Content-Digest", "Repr-Digest", "Digest", "Content-MD5"])
async def test_announced_digests_are_verified(
    house: Installation, ann: httpx.AsyncClient, field: str, id: dict[str, str]
) -> None:
    data = b"x" * 100

    def announced(content: bytes) -> dict[str, str]:
        md5 = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
        value = {
            "Content-MD5": md5,
            "Digest": f"MD5={md5}",
        }.get(field, _structured("sha-512", "sha512", content))
        return {field: value, **id}

    wrong = await ann.post("/attachments", content=data, headers=announced(b"y"))
    assert error_of(wrong) == (400, "digest_mismatch")
    assert await listed(ann) == []
    right = await ann.post("/attachments", content=data, headers=announced(data))
    assert right.status_code == 200


async def test_a_wrong_digest_leaves_nothing(house: Installation, ann: httpx.AsyncClient) -> None:
    announced = {"Content-Digest": _structured("sha-256", "sha256", b"y")}
    for size in (5, 500):
        answer = await ann.post("/attachments", content=b"x" * size, headers=announced)
        assert error_of(answer) == (400, "digest_mismatch")
    await assert_nothing_is_left(house, ann)


async def test_an_unreadable_digest_is_refused(ann: httpx.AsyncClient) -> None:
    answer = await ann.post("/attachments", content=b"x", headers={"Content-MD5": "?"})
    assert error_of(answer) == (400, "invalid_request")


async def test_an_encoded_body_is_not_taken(ann: httpx.AsyncClient) -> None:
    answer = await ann.post("/attachments", content=b"x", headers={"Content-Encoding": "gzip"})
    assert error_of(answer) == (415, "unsupported_media_type")
    answer = await ann.post("/attachments", content=b"x", headers={"Content-Encoding": "identity"})
    assert answer.status_code == 200


async def test_the_same_bytes_again_refresh_what_is_there(
    house: Installation, ann: httpx.AsyncClient
) -> None:
    data = b"x" * 100
    await upload(ann, data, Content_Disposition="attachment; filename=old")
    house.clock.advance(3600)

    answer = await ann.post(
        "/attachments",
        content=data,
        headers={"Content-Disposition": "attachment; filename=new", "Content-Type": "text/plain"},
    )

    now = house.clock.now() // 1000
    (kept,) = (await ann.get("/attachments")).json()["attachments"]
    assert kept == answer.json()["attachment"]
    assert (kept["name"], kept["content_type"]) == ("new", "text/plain")
    assert (kept["created_at"], kept["expires_at"]) == (now, now + DAY)
    assert len(house.blobs()) == 1
    assert await holdings(house, ann) == (100, 1)


async def test_the_same_bytes_at_the_same_moment_make_one_attachment(
    house: Installation, ann: httpx.AsyncClient
) -> None:
    for round in range(5):
        data = bytes([round]) * 100
        digests = await asyncio.gather(*(upload(ann, data) for _ in range(8)))
        assert await listed(ann) == [digests[0]]
        assert len(house.blobs()) == 1
        assert await holdings(house, ann) == (100, 1)
        assert (await ann.delete(f"/attachments/{digests[0]}")).status_code == 204


async def test_one_users_upload_does_not_touch_anothers(
    house: Installation, ann: httpx.AsyncClient, bob: httpx.AsyncClient, eve: httpx.AsyncClient
) -> None:
    for client in (ann, bob, eve):
        await upload(client, b"x" * 100)
    assert len(house.blobs()) == 3
    assert [len(await listed(client)) for client in (ann, bob, eve)] == [1, 1, 1]


async def test_a_request_id_makes_a_retry_do_nothing(
    house: Installation, ann: httpx.AsyncClient
) -> None:
    data = b"x" * 100
    headers = {"Client-Request-ID": "one", "Content-Disposition": "attachment; filename=a"}
    first = await ann.post("/attachments", content=data, headers=headers)
    house.clock.advance(3600)
    second = await ann.post("/attachments", content=data, headers=headers)
    third = await ann.post("/attachments", content=in_pieces(data), headers=headers)
    assert [each.status_code for each in (first, second, third)] == [200, 200, 200]
    assert first.json() == second.json() == third.json()
    assert len(house.blobs()) == 1
    assert await holdings(house, ann) == (100, 1)


@pytest.mark.parametrize("other", [b"y" * 100, b"x" * 99, b"x" * 101, b""])
async def test_a_request_id_with_other_content_conflicts(
    house: Installation, ann: httpx.AsyncClient, other: bytes
) -> None:
    id = {"Client-Request-ID": "one"}
    digest = await upload(ann, b"x" * 100, Client_Request_ID="one")
    headers = {**id, "Content-Length": str(len(other))}
    answer = await ann.post("/attachments", content=other, headers=headers)
    assert error_of(answer) == (409, "conflict")
    chunked = await ann.post("/attachments", content=in_pieces(other or b"z"), headers=id)
    assert error_of(chunked) == (409, "conflict")
    assert await listed(ann) == [digest]
    assert len(house.blobs()) == 1


async def test_many_retries_at_once_are_one_upload(
    house: Installation, ann: httpx.AsyncClient
) -> None:
    for size in (10, 50_000):
        data = b"x" * size
        headers = {"Client-Request-ID": f"id {size}"}
        answers = await asyncio.gather(
            *(ann.post("/attachments", content=data, headers=headers) for _ in range(16))
        )
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.text for answer in answers}) == 1
    assert len(await listed(ann)) == 2
    assert await holdings(house, ann) == (50_010, 2)
    assert len(house.blobs()) == 1


async def test_a_request_id_is_its_users_own(
    house: Installation, ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    await upload(ann, b"from ann", Client_Request_ID="one")
    await upload(bob, b"from bob", Client_Request_ID="one")
    assert await listed(bob) == [sha3(b"from bob")]


async def test_a_request_id_is_forgotten_after_a_day(
    house: Installation, ann: httpx.AsyncClient
) -> None:
    await upload(ann, b"first", Client_Request_ID="one")
    house.clock.advance(DAY + 1)
    await upload(ann, b"second", Client_Request_ID="one")
    assert await listed(ann) == [sha3(b"second")]


@pytest.mark.parametrize("id", ["x" * 256, "é"])
async def test_a_request_id_that_cannot_be_kept_is_refused(house: Installation, id: str) -> None:
    headers = [await bearer(house), ("Content-Length", "1"), ("Client-Request-ID", id)]
    answer = await call(house.app, "POST", "/attachments", headers, [b"x"])
    assert error_of(answer) == (400, "invalid_request")
