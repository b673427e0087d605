"""prepare, a form that is sent to a real S3 store, and `uploaded`."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.books import assert_books_balance
from tests.core import lay_out
from tests.engines import seaweed
from tests.kit import Installation, installation
from tests.web.dialects.openproject.speaking import (
    NOT_FOUND,
    PNG,
    held,
    metadata,
    refusal,
    told,
    work_package,
)

PATH = "/api/v3/attachments"
HOUR = 3600


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Installation]:
    lay_out(tmp_path)
    url = seaweed.s3_url("forms")
    (tmp_path / "blobs.url").write_text(url)
    async with installation(
        tmp_path,
        dialects=("openproject",),
        inline_max=16,
        blobs_url=url,
        openproject_allowlist="image/*,text/plain",
    ) as place:
        yield place
        assert_books_balance(place)


@pytest.fixture
async def ann(house: Installation) -> AsyncIterator[httpx.AsyncClient]:
    async with house.client() as client:
        yield client


async def prepare(
    client: httpx.AsyncClient, name: Any = "cat.png", path: str = PATH, **more: Any
) -> httpx.Response:
    return await client.post(
        f"{path}/prepare", files=[metadata(name, **{"fileSize": len(PNG), **more})]
    )


async def send(prepared: dict[str, Any], content: bytes = PNG) -> httpx.Response:
    """As a browser does: the fields in their order, the file last, and no key."""
    link = prepared["_links"]["addAttachment"]
    assert link["method"] == "post"
    async with httpx.AsyncClient() as anybody:
        return await anybody.post(
            link["href"], data=link["form_fields"], files={"file": ("pic.png", content)}
        )


async def uploaded(client: httpx.AsyncClient, prepared: dict[str, Any]) -> httpx.Response:
    return await client.get(prepared["_links"]["completeUpload"]["href"])


async def test_a_form_takes_the_bytes_to_the_store_and_uploaded_makes_them_an_attachment(
    ann: httpx.AsyncClient,
):
    prepared = told(await prepare(ann, description={"raw": "A cat"}), 201)
    assert (prepared["_type"], prepared["status"]) == ("AttachmentUpload", "prepared")
    assert refusal(await uploaded(ann, prepared)) == NOT_FOUND
    assert (await send(prepared)).is_success
    assert refusal(await ann.get(f"{PATH}/{prepared['id']}")) == NOT_FOUND
    body = told(await uploaded(ann, prepared))
    assert body == told(await uploaded(ann, prepared))
    assert (body["id"], body["status"], body["contentType"]) == (
        prepared["id"],
        "uploaded",
        "image/png",
    )
    assert body["description"]["raw"] == "A cat"
    assert body["digest"]["hash"] == hashlib.md5(PNG).hexdigest()
    assert (await ann.get(body["_links"]["downloadLocation"]["href"])).content == PNG


async def test_a_form_that_is_sent_again_changes_nothing(ann: httpx.AsyncClient):
    prepared = told(await prepare(ann), 201)
    assert (await send(prepared)).is_success
    told(await uploaded(ann, prepared))
    await send(prepared, PNG[::-1])
    body = told(await uploaded(ann, prepared))
    assert (await ann.get(body["_links"]["downloadLocation"]["href"])).content == PNG


async def test_a_file_of_another_size_is_not_taken(ann: httpx.AsyncClient):
    prepared = told(await prepare(ann), 201)
    for content in (PNG[:-1], PNG + b"x"):
        assert (await send(prepared, content)).status_code in (400, 403)
    assert refusal(await uploaded(ann, prepared)) == NOT_FOUND


async def test_nobody_else_is_told_of_it(house: Installation, ann: httpx.AsyncClient):
    prepared = told(await prepare(ann), 201)
    await send(prepared)
    for tenant, login in (("acme", "bob"), ("evil", "eve")):
        async with house.client(tenant, login) as other:
            unknown = await other.get(f"{PATH}/999/uploaded")
            foreign = await uploaded(other, prepared)
            assert (foreign.status_code, foreign.content) == (404, unknown.content)
            assert refusal(await other.delete(f"{PATH}/{prepared['id']}")) == NOT_FOUND
    assert told(await uploaded(ann, prepared))["id"] == prepared["id"]


async def test_one_prepared_for_a_work_package_is_held_by_it(ann: httpx.AsyncClient):
    made = await work_package(ann)
    path = f"/api/v3/work_packages/{made['id']}/attachments"
    prepared = told(await prepare(ann, path=path), 201)
    assert prepared["_links"]["container"]["href"] == f"/api/v3/work_packages/{made['id']}"
    await send(prepared)
    for _ in range(2):
        body = told(await uploaded(ann, prepared))
        assert body["_links"]["container"]["title"] == "Claims"
    assert await held(ann, f"work_packages/{made['id']}") == [prepared["id"]]
    assert refusal(await prepare(ann, path="/api/v3/work_packages/99/attachments")) == NOT_FOUND


async def test_what_is_wrong_is_said_before_anything_is_reserved(
    house: Installation, ann: httpx.AsyncClient
):
    assert refusal(await prepare(ann, fileSize=None))[1:] == (
        "PropertyConstraintViolation",
        "Size can't be blank.",
        "fileSize",
    )
    assert refusal(await prepare(ann, fileSize="24"))[1] == "PropertyFormatError"
    assert refusal(await prepare(ann, fileSize=0))[3] == "fileSize"
    assert refusal(await prepare(ann, ""))[2] == "File can't be blank."
    assert refusal(await prepare(ann, "a.exe"))[3] == "contentType"
    assert "too large" in refusal(await prepare(ann, fileSize=10**9))[2]
    assert (await ann.post(f"{PATH}/prepare", files={"file": ("a", b"b")})).status_code == 400
    async with house.services.transactions.read() as facts:
        usage = await facts.quotas.usage(1)
    assert (usage.reserved, usage.attachments) == (0, 0)


async def test_bytes_that_are_not_what_their_name_says_are_refused(
    house: Installation, ann: httpx.AsyncClient
):
    content = b"<!DOCTYPE html><html><script>alert(1)</script></html>"
    prepared = told(await prepare(ann, fileSize=len(content)), 201)
    assert (await send(prepared, content)).is_success
    assert refusal(await uploaded(ann, prepared))[3] == "contentType"
    assert refusal(await ann.get(f"{PATH}/{prepared['id']}")) == NOT_FOUND


@pytest.mark.parametrize("taken_in", [True, False])
async def test_a_deleted_or_forgotten_one_leaves_nothing(
    house: Installation, ann: httpx.AsyncClient, taken_in: bool
):
    prepared = told(await prepare(ann), 201)
    await send(prepared)
    if taken_in:
        told(await uploaded(ann, prepared))
    assert (await ann.delete(f"{PATH}/{prepared['id']}")).status_code == 204
    await send(prepared)  # the form is still good
    house.clock.advance(2 * HOUR + 1)
    await house.services.reaping.sweep()
    assert_books_balance(house, settled=True)
    assert house.blobs() == []
