"""Request limits: Campr, «Rate limiting»."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from coatcheck.web.dialects.campr.metering import LIMITS
from tests.kit import Installation, installation
from tests.web.dialects.campr.speaking import NOWHERE, error_of, post, upload


@pytest.fixture
async def strict(tmp_path: Path) -> AsyncIterator[Installation]:
    async with installation(tmp_path, dialects="campr,attachfast") as house:
        yield house


def standing(answer: httpx.Response) -> tuple[int, int, int]:
    limit, remaining, reset = (
        int(answer.headers[f"rate-limit-{name}"]) for name in ("limit", "remaining", "reset")
    )
    return limit, remaining, reset


async def test_every_request_is_counted_and_the_one_too_many_refused_until_the_window_ends(
    strict: Installation,
) -> None:
    async with strict.client() as ann:
        for number in range(50):
            strict.clock.advance(1)
            answer = await post(ann)
            assert answer.status_code == 200
            assert standing(answer) == (50, 49 - number, 300 - number)
        refused = await post(ann)
        assert error_of(refused) == (429, "too_many_requests")
        assert standing(refused) == (50, 0, 251)
        assert refused.headers["retry-after"] == "251"
        strict.clock.advance(250)
        assert (await post(ann)).status_code == 429
        strict.clock.advance(1)
        answer = await post(ann)
        assert (answer.status_code, standing(answer)) == (200, (50, 49, 300))


async def test_get_and_head_share_a_limit(strict: Installation) -> None:
    async with strict.client() as ann:
        await ann.get("/attachments")
        await ann.head("/attachments")
        assert standing(await ann.get("/attachments")) == (100, 97, 300)
        assert standing(await upload_one(ann)) == (600, 599, 300)
        assert standing(await ann.get(f"/attachments/{NOWHERE}")) == (300, 299, 300)


async def upload_one(client: httpx.AsyncClient) -> httpx.Response:
    return await client.post("/attachments", content=b"x")


async def test_a_refused_upload_is_not_read(strict: Installation) -> None:
    async with strict.client() as ann:
        for _ in range(100):
            await ann.get("/attachments")
        answer = await ann.get("/attachments")
        assert error_of(answer) == (429, "too_many_requests")
        assert (await ann.head("/attachments")).status_code == 429
        assert (await upload_one(ann)).status_code == 200


async def test_callers_do_not_spend_each_others_limits(strict: Installation) -> None:
    async with strict.client() as ann, strict.client(login="bob") as bob:
        for _ in range(50):
            await post(ann)
        assert (await post(ann)).status_code == 429
        assert standing(await post(bob)) == (50, 49, 300)


async def test_guessing_keys_is_limited_by_address_and_does_not_lock_anybody_out(
    tmp_path: Path,
) -> None:
    wrong = {"Authorization": "Bearer nope"}
    async with (
        installation(tmp_path, dialects="campr", wrong_keys_per_minute=0) as house,
        house.anonymous(headers=wrong) as guesser,
        house.client() as ann,
    ):
        for number in range(100):
            answer = await guesser.get("/attachments")
            assert error_of(answer) == (401, "unauthorized")
            assert standing(answer) == (100, 99 - number, 300)
        answer = await guesser.get("/attachments")
        assert error_of(answer) == (429, "too_many_requests")
        assert answer.headers["retry-after"] == "300"
        assert (await ann.get("/attachments")).status_code == 200


async def test_figures_are_told_and_not_enforced_where_limits_are_off(
    house: Installation, ann: httpx.AsyncClient
) -> None:
    for number in range(55):
        answer = await post(ann)
        assert answer.status_code == 200
        assert standing(answer) == (50, max(0, 49 - number), 300)


async def test_every_answer_of_campr_tells_the_figures_and_no_other_does(
    strict: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("inside")

    async with strict.client() as ann, strict.anonymous() as nobody:
        digest = await upload(ann, b"x")
        path = f"/attachments/{digest}"
        answers = [
            await ann.get("/attachments"),
            await ann.get(path),
            await ann.get(path, headers={"Range": "bytes=0-0"}),
            await ann.get(path, headers={"Range": "bytes=9-"}),
            await ann.get(path, headers={"If-None-Match": "*"}),
            await ann.get(path, headers={"If-Match": '"x"'}),
            await ann.head(path),
            await ann.delete(path),
            await ann.delete(path),
            await ann.get("/attachments?limit=0"),
            await ann.get("/nowhere"),
            await ann.put("/attachments"),
            await ann.get("/"),
            await nobody.get("/attachments"),
            await nobody.head("/posts"),
            await nobody.get("/nowhere"),
        ]
        monkeypatch.setattr(type(strict.services.listing), "holdings", broken)
        answers.append(await ann.get("/server-info"))
        assert answers[-1].status_code == 500
        for answer in answers:
            limit, remaining, reset = standing(answer)
            assert 0 <= remaining <= limit
            assert 0 < reset <= 300
            for name in ("limit", "remaining", "reset"):
                assert len(answer.headers.get_list(f"rate-limit-{name}")) == 1
        for path in ("/api/files", "/-/health"):
            assert "rate-limit-limit" not in (await ann.get(path)).headers


async def test_server_info_tells_each_limit_and_what_is_left_of_it(strict: Installation) -> None:
    async with strict.client() as ann:
        await post(ann)
        strict.clock.advance(100)
        endpoints = (await ann.get("/server-info")).json()["endpoints"]
        told = {
            (endpoint, method): figures["rate_limit_limit"]
            for endpoint, methods in endpoints.items()
            for method, figures in methods.items()
        }
        assert told == LIMITS
        assert endpoints["posts"]["POST"] == {
            "rate_limit_limit": 50,
            "rate_limit_remaining": 49,
            "rate_limit_reset": 200,
        }
