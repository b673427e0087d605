"""`GET` and `HEAD /attachments/{digest}`: Campr, «Attachment»."""

from __future__ import annotations

from email.utils import formatdate
from typing import Any

import httpx
import pytest

from tests.kit import Installation
from tests.web.dialects.campr.speaking import (
    NOWHERE,
    error_of,
    post,
    posted,
    send_part,
    sha3,
    upload,
)

DATA = bytes(range(256)) * 4
DIGEST = sha3(DATA)
PATH = f"/attachments/{DIGEST}"
NAME = {"Content_Disposition": "attachment; filename=a.html", "Content_Type": "text/html"}


async def both(
    client: httpx.AsyncClient, path: str, headers: dict[str, str] | None = None
) -> httpx.Response:
    """The answer to GET; that to HEAD is checked to be the same without a body."""
    get = await client.get(path, headers=headers)
    head = await client.head(path, headers=headers)
    assert head.status_code == get.status_code
    assert head.content == b""
    for field in get.headers.keys() - {"x-request-id", "rate-limit-remaining"}:
        if get.status_code < 400 or field != "content-length":
            assert head.headers[field] == get.headers[field]
    return get


async def test_its_owner_reads_a_detached_attachment_with_name_and_type(
    house: Installation, ann: httpx.AsyncClient
) -> None:
    await upload(ann, DATA, **NAME)
    answer = await both(ann, PATH)
    assert answer.status_code == 200
    assert answer.content == DATA
    fields = answer.headers
    assert fields["content-type"] == "text/html"
    assert fields["content-disposition"] == "attachment; filename=a.html"
    assert fields["content-length"] == str(len(DATA))
    assert fields["etag"] == f'"{DIGEST}"'
    assert fields["last-modified"] == formatdate(house.clock.now() // 1000, usegmt=True)
    assert fields["accept-ranges"] == "bytes"
    assert fields["x-content-type-options"] == "nosniff"
    assert fields["content-security-policy"] == "default-src 'none'; sandbox"
    assert fields["cache-control"].startswith("private")


async def test_a_nameless_one_has_a_disposition_without_a_name(ann: httpx.AsyncClient) -> None:
    await upload(ann, DATA)
    answer = await both(ann, PATH)
    assert answer.headers["content-disposition"] == "attachment"
    assert answer.headers["content-type"] == "application/octet-stream"


async def test_one_that_only_posts_have_is_served_bare(ann: httpx.AsyncClient) -> None:
    await upload(ann, DATA, **NAME)
    await posted(ann, DIGEST)
    answer = await both(ann, PATH)
    assert answer.content == DATA
    assert "content-type" not in answer.headers
    assert "content-disposition" not in answer.headers
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_post_says_what_it_calls_the_attachment(ann: httpx.AsyncClient) -> None:
    await upload(ann, DATA, **NAME)
    wanted = {"digest": DIGEST, "name": "renamed ü.png", "content_type": "image/png"}
    renamed = await posted(ann, wanted)
    as_it_was = await posted(ann, DIGEST)

    answer = await both(ann, f"{PATH}?post={renamed}&entity=whoever")
    assert answer.content == DATA
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"] == (
        "attachment; filename=\"renamed _.png\"; filename*=UTF-8''renamed%20%C3%BC.png"
    )
    answer = await both(ann, f"{PATH}?post={as_it_was}")
    assert answer.headers["content-disposition"] == "attachment; filename=a.html"


async def test_a_version_of_a_post_says_what_it_called_the_attachment(
    ann: httpx.AsyncClient,
) -> None:
    await upload(ann, DATA)
    first = (await post(ann, [{"digest": DIGEST, "name": "first"}])).json()["post"]
    path = f"/posts/{first['id']}"
    second = await ann.patch(path, json={"attachments": [{"digest": DIGEST, "name": "second"}]})
    third = await ann.patch(path, json={"attachments": []})

    for shown, name in [(first, "first"), (second.json()["post"], "second")]:
        answer = await both(ann, f"{PATH}?post={first['id']}&version={shown['version']['id']}")
        assert answer.headers["content-disposition"] == f"attachment; filename={name}"
    for version in ("", f"&version={third.json()['post']['version']['id']}", "&version=x"):
        assert (await ann.get(f"{PATH}?post={first['id']}{version}")).status_code == 404


@pytest.mark.parametrize("id", ["", "x", "0" * 32, "%00", "../x"])
async def test_a_post_that_is_none_is_not_found(ann: httpx.AsyncClient, id: str) -> None:
    await upload(ann, DATA)
    assert error_of(await ann.get(f"{PATH}?post={id}")) == (404, "not_found")


async def test_names_that_would_harm_a_disk_are_defused(ann: httpx.AsyncClient) -> None:
    for name, safe in [
        ("CON", "_CON"),
        (".htaccess", "_.htaccess"),
        ("desktop.ini", "_desktop.ini"),
    ]:
        await upload(ann, DATA, Content_Disposition=f"attachment; filename={name}")
        answer = await ann.get(PATH)
        assert answer.headers["content-disposition"] == f"attachment; filename={safe}"


async def test_the_digest_may_be_in_either_case(ann: httpx.AsyncClient) -> None:
    await upload(ann, DATA)
    answer = await both(ann, f"/attachments/{DIGEST.upper()}")
    assert answer.status_code == 200
    assert answer.headers["etag"] == f'"{DIGEST}"'


@pytest.mark.parametrize(
    "name", [NOWHERE, DIGEST[:32], DIGEST + "0", "x" * 64, "%00", "é", "..%2f..%2fetc", "１" * 64]
)
async def test_what_is_no_digest_of_anything_is_not_found(
    ann: httpx.AsyncClient, name: str
) -> None:
    await upload(ann, DATA)
    assert error_of(await ann.get(f"/attachments/{name}")) == (404, "not_found")
    assert error_of(await ann.delete(f"/attachments/{name}")) == (404, "not_found")
    assert (await ann.head(f"/attachments/{name}")).status_code == 404


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=1000-", 1000, 1024),
        ("bytes=1000-99999", 1000, 1024),
        ("bytes=-24", 1000, 1024),
        ("bytes=-9999", 0, 1024),
        ("bytes 0-9/1024", 0, 10),
        ("bytes 0-9/*", 0, 10),
    ],
)
async def test_a_range_is_served_in_either_spelling(
    ann: httpx.AsyncClient, asked: str, start: int, stop: int
) -> None:
    await upload(ann, DATA)
    answer = await both(ann, PATH, {"Range": asked})
    assert answer.status_code == 206
    assert answer.content == DATA[start:stop]
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/1024"
    assert answer.headers["content-length"] == str(stop - start)


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "items=0-9", "bytes=9-0", "x", "bytes 0-9/7"])
async def test_a_range_that_is_not_understood_is_ignored(
    ann: httpx.AsyncClient, asked: str
) -> None:
    await upload(ann, DATA)
    answer = await both(ann, PATH, {"Range": asked})
    assert (answer.status_code, answer.content) == (200, DATA)


@pytest.mark.parametrize("asked", ["bytes=1024-", "bytes=9999-10000", "bytes=-0"])
async def test_a_range_outside_of_the_content_is_told_so(
    ann: httpx.AsyncClient, asked: str
) -> None:
    await upload(ann, DATA)
    answer = await ann.get(PATH, headers={"Range": asked})
    assert error_of(answer) == (416, "range_not_satisfiable")
    assert answer.headers["content-range"] == "bytes */1024"


async def test_ranges_run_across_the_parts_that_an_upload_came_in(ann: httpx.AsyncClient) -> None:
    for start in range(0, 1024, 64):
        await send_part(ann, "one", DATA[start : start + 64], start, 1024)
    for start, stop in [(0, 1024), (60, 70), (63, 64), (64, 65), (100, 900), (1023, 1024)]:
        answer = await both(ann, PATH, {"Range": f"bytes={start}-{stop - 1}"})
        assert answer.content == DATA[start:stop]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"If-None-Match": f'"{DIGEST}"'}, 304),
        ({"If-None-Match": f'"x", W/"{DIGEST}"'}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": '"x"'}, 200),
        ({"If-None-Match": ", ".join(['"x"'] * 20_000)}, 200),
        ({"If-Modified-Since": "THEN"}, 304),
        ({"If-Modified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"}, 200),
        ({"If-Modified-Since": "yesterday"}, 200),
        ({"Range": "bytes=0-9", "If-Range": f'"{DIGEST}"'}, 206),
        ({"Range": "bytes=0-9", "If-Range": "THEN"}, 206),
        ({"Range": "bytes=0-9", "If-Range": '"x"'}, 200),
        ({"Range": "bytes=9999-", "If-Range": '"x"'}, 200),
        ({"If-Match": '"x"'}, 412),
    ],
)
async def test_validators_decide(
    house: Installation, ann: httpx.AsyncClient, fields: dict[str, str], status: int
) -> None:
    await upload(ann, DATA)
    then = formatdate(house.clock.now() // 1000, usegmt=True)
    asked = {name: value.replace("THEN", then) for name, value in fields.items()}
    answer = await both(ann, PATH, asked)
    assert answer.status_code == status
    if status != 412:
        assert answer.headers["etag"] == f'"{DIGEST}"'
    assert answer.content == {200: DATA, 206: DATA[:10]}.get(status, b"")


async def test_an_expired_one_is_not_found_before_any_sweep(
    house: Installation, ann: httpx.AsyncClient
) -> None:
    await upload(ann, DATA)
    house.clock.advance(24 * 3600 - 1)
    assert (await ann.get(PATH)).status_code == 200
    house.clock.advance(1)
    assert error_of(await ann.get(PATH)) == (404, "not_found")
    assert (await ann.head(PATH)).status_code == 404
    assert error_of(await ann.delete(PATH)) == (404, "not_found")


async def test_an_attached_one_never_expires(house: Installation, ann: httpx.AsyncClient) -> None:
    await upload(ann, DATA)
    await posted(ann, DIGEST)
    house.clock.advance(1000 * 24 * 3600)
    await house.services.reaping.sweep()
    assert (await ann.get(PATH)).content == DATA


def told(answer: httpx.Response) -> tuple[int, Any]:
    """All that an answer tells, but for what is of this one occurrence."""
    document = answer.json()
    document["errors"][0].pop("id")
    fields = dict(answer.headers)
    for name in ("x-request-id", "rate-limit-remaining"):
        fields.pop(name)
    return answer.status_code, (document, fields)


async def test_a_detached_one_looks_to_others_as_if_there_were_none(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient, eve: httpx.AsyncClient
) -> None:
    await upload(ann, DATA)
    for other in (bob, eve):
        for method in ("GET", "DELETE"):
            foreign = await other.request(method, PATH)
            unknown = await other.request(method, f"/attachments/{NOWHERE}")
            assert told(foreign) == told(unknown)
        foreign, unknown = await post(other, [DIGEST]), await post(other, [NOWHERE])
        assert told(foreign) == told(unknown)
    assert (await ann.get(PATH)).status_code == 200


async def test_an_attached_one_is_for_the_tenant_and_nobody_else(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient, eve: httpx.AsyncClient
) -> None:
    await upload(ann, DATA)
    id = await posted(ann, DIGEST)
    assert (await bob.get(PATH)).content == DATA
    assert (await bob.get(f"{PATH}?post={id}")).content == DATA
    assert error_of(await eve.get(PATH)) == (404, "not_found")
    assert error_of(await eve.get(f"{PATH}?post={id}")) == (404, "not_found")


@pytest.mark.folder
async def test_damaged_content_is_an_error_and_never_a_short_answer(
    house: Installation, ann: httpx.AsyncClient
) -> None:
    await upload(ann, DATA)
    (blob,) = house.blobs()
    blob.chmod(0o600)
    blob.write_bytes(DATA[:-1])
    assert error_of(await ann.get(PATH)) == (500, "internal_error")
    blob.unlink()
    assert error_of(await ann.get(PATH)) == (500, "internal_error")
