"""A client that repeats a failed upload with a file it has read to its end must not be told that all is well."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from unittest import mock

import httpx
import pytest

from coatcheck.domain.errors import Unavailable
from coatcheck.services import failed_uploads
from coatcheck.services.failed_uploads import FailedUploads
from tests.kit import Installation
from tests.web.dialects.tracker.asks import FORM, form, headers, issue, refusal, upload
from tests.web.raw import raw

REFUSED = (
    422,
    {
        "file": "The file is empty, and an upload of it has just failed: send it again from its start."
    },
)
MINUTE = 60


async def failing(*_args: Any, **_more: Any) -> Any:
    raise Unavailable(retry_after=1)


def disk_down(house: Installation) -> Any:
    async def put(_key: object, data: AsyncIterator[bytes]) -> int:
        async for _ in data:
            raise OSError("no such disk")
        return 0

    return mock.patch.object(house.services.blobs, "put", put)


async def test_an_empty_file_after_a_failure_is_refused_for_ten_minutes(
    ann: httpx.AsyncClient, house: Installation
) -> None:
    with disk_down(house):
        answer = await upload(ann, content=bytes(5000))
    assert answer.status_code >= 500
    refusal(answer)
    assert refusal(await upload(ann, content=b"")) == REFUSED
    house.clock.advance(9 * MINUTE)
    assert refusal(await upload(ann, content=b"", to="/v3/attachments")) == REFUSED
    house.clock.advance(1 * MINUTE)
    assert (await upload(ann, content=b"")).status_code == 201


async def test_whoever_sends_the_bytes_after_all_is_believed_again(
    ann: httpx.AsyncClient, house: Installation
) -> None:
    with disk_down(house):
        await upload(ann, content=bytes(5000))
    assert (await upload(ann, content=b"x")).status_code == 201
    assert (await upload(ann, content=b"")).status_code == 201


async def test_other_names_and_other_people_are_not_suspected(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient, house: Installation
) -> None:
    with disk_down(house):
        await upload(ann, content=bytes(5000))
    assert (await upload(ann, "other.txt", b"")).status_code == 201
    assert (await upload(bob, content=b"")).status_code == 201


async def test_a_failure_before_anybody_is_known_counts_as_well(
    ann: httpx.AsyncClient, house: Installation
) -> None:
    """A database that is down fails there first, and the client has read its file all the same."""
    with mock.patch.object(house.services.keys, "authenticate", failing):
        answer = await upload(ann)
    assert refusal(answer) == (503, "Service is temporarily unavailable.")
    assert answer.headers["retry-after"] == "1"
    assert refusal(await upload(ann, content=b"")) == REFUSED


async def test_uploads_to_an_issue_are_watched_too(
    ann: httpx.AsyncClient, house: Installation
) -> None:
    await issue(ann)
    to = "/v2/issues/TREK-1/attachments"
    with mock.patch.object(house.services.containers, "get", failing):
        assert (await upload(ann, to=to)).status_code == 503
    assert refusal(await upload(ann, content=b"", to=to)) == REFUSED


async def test_a_sender_that_hung_up_may_come_again_empty_handed(
    ann: httpx.AsyncClient, house: Installation
) -> None:
    head = {**FORM, **await headers(house)}
    whole = form(b"x" * 50_000)
    path, query = "/v2/attachments/", "filename=report.txt"
    cut = await raw(house, "POST", path, [whole[:30_000]], head, query=query, hang_up=True)
    assert cut.status == 400
    assert refusal(await upload(ann, content=b"")) == REFUSED


async def test_a_file_that_was_empty_when_it_failed_may_come_again(
    ann: httpx.AsyncClient, house: Installation
) -> None:
    with mock.patch.object(house.services.uploads, "_record", failing):
        assert (await upload(ann, content=b"")).status_code == 503
    assert (await upload(ann, content=b"")).status_code == 201


async def test_without_a_name_in_the_query_the_parts_own_counts(
    ann: httpx.AsyncClient, house: Installation
) -> None:
    async def sent(content: bytes) -> httpx.Response:
        body = form(content, filename="kept.txt")
        return await ann.post("/v2/attachments", content=body, headers=FORM)

    with disk_down(house):
        assert (await sent(bytes(5000))).status_code >= 500
    assert refusal(await sent(b"")) == REFUSED


async def test_a_failure_before_the_part_was_seen_counts_for_any_name_that_the_query_does_not_tell(
    ann: httpx.AsyncClient, house: Installation
) -> None:
    async def sent(content: bytes) -> httpx.Response:
        body = form(content, filename="kept.txt")
        return await ann.post("/v2/attachments", content=body, headers=FORM)

    away = mock.patch.object(house.services.availability, "expect", failing)
    with away:
        assert (await sent(bytes(5000))).status_code == 503
    assert refusal(await sent(b"")) == REFUSED
    assert (await sent(bytes(5000))).status_code == 201
    assert (await upload(ann, content=b"")).status_code == 201


async def test_a_failure_is_known_to_every_worker(house: Installation) -> None:
    here, there = (
        FailedUploads(house.services.transactions, house.services.clock) for _ in range(2)
    )
    await here.note("who", "a.txt")
    assert await there.happened_lately("who", "a.txt")
    assert not await there.happened_lately("who", "b.txt")
    await here.forget("who", "a.txt")
    assert not await there.happened_lately("who", "a.txt")


async def test_of_very_many_failures_this_process_forgets_the_oldest(
    house: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failed_uploads, "_KEPT", 3)
    failures = FailedUploads(house.services.transactions, house.services.clock)
    with mock.patch.object(
        house.services.transactions, "write", side_effect=Unavailable(retry_after=1)
    ):
        for number in range(4):
            await failures.note("who", str(number))
    assert not await failures.happened_lately("who", "0")
    assert await failures.happened_lately("who", "1")


async def test_a_sweep_drops_what_is_no_longer_of_use(house: Installation) -> None:
    failures = FailedUploads(house.services.transactions, house.services.clock)
    await failures.note("who", "a.txt")
    house.clock.advance(seconds=10 * MINUTE + 1)
    await house.services.reaping.sweep()
    async with house.services.transactions.read() as facts:
        assert not await facts.failed_uploads.happened_since(
            *failed_uploads._key("who", "a.txt"), 0
        )
