"""Limits of requests over all APIs: wrong keys from one address, and all that a principal asks in a minute."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from coatcheck.web.dialects import DIALECTS
from tests.kit import BASE, Installation, installation


@dataclass(frozen=True)
class Speech:
    """How an API is asked for something that needs a key, and where its refusals say that it is too much."""

    path: str
    scheme: str
    told: Any

    def headers(self, key: str, login: str = "ann") -> dict[str, str]:
        given = key
        if self.scheme == "Basic":
            name = "apikey" if "v3" in self.path else login
            given = base64.b64encode(f"{name}:{key}".encode()).decode()
        return {"Authorization": f"{self.scheme} {given}", "X-Org-ID": "acme"}


SPEECHES = {
    "campr": Speech("/attachments", "Bearer", lambda body: body["errors"][0]["description"]),
    "attachfast": Speech("/api/files", "Bearer", lambda body: body["errors"][0]),
    "tracker": Speech("/v3/myself", "OAuth", lambda body: body["errorMessages"][0]),
    "openproject": Speech("/api/v3", "Basic", lambda body: body["message"]),
    "chat": Speech("/v1/attachments", "Basic", lambda body: body["message"]),
    "native": Speech("/coatcheck/v1/usage", "Bearer", lambda body: body["detail"]),
}

WRONG = "cc_" + "x" * 43


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Installation]:
    async with installation(tmp_path, dialects=tuple(DIALECTS)) as house:
        yield house


def came_from(house: Installation, address: str, **options: Any) -> httpx.AsyncClient:
    """A client at that address."""
    transport = httpx.ASGITransport(house.app, raise_app_exceptions=False, client=(address, 5000))
    return httpx.AsyncClient(transport=transport, base_url=BASE, **options)


async def guesses(client: httpx.AsyncClient, times: int, speech: Speech) -> list[int]:
    headers = speech.headers(WRONG)
    return [(await client.get(speech.path, headers=headers)).status_code for _ in range(times)]


def test_every_api_is_asked() -> None:
    assert SPEECHES.keys() == set(DIALECTS)


@pytest.mark.parametrize("name", SPEECHES)
async def test_after_thirty_wrong_keys_an_address_is_told_to_come_back_later(
    house: Installation, name: str
) -> None:
    speech = SPEECHES[name]
    async with came_from(house, "192.0.2.1") as guesser, came_from(house, "192.0.2.2") as other:
        assert await guesses(guesser, 30, speech) == [401] * 30
        house.clock.advance(20)
        refused = await guesser.get(speech.path, headers=speech.headers(WRONG))
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "40"
        assert refused.headers["coatcheck-limit"] == "wrong_keys_per_minute=30"
        assert "oo many" in speech.told(refused.json())
        assert await guesses(other, 1, speech) == [401]
        house.clock.advance(40)
        assert await guesses(guesser, 31, speech) == [401] * 30 + [429]


@pytest.mark.parametrize("name", SPEECHES)
async def test_a_right_key_is_taken_from_any_address(house: Installation, name: str) -> None:
    """Also one that nobody has seen yet, from an address that is refused: others may share it with the guesser."""
    speech = SPEECHES[name]
    known, new = await house.key(), await house.key(login="bob")
    async with came_from(house, "192.0.2.1") as guesser, came_from(house, "192.0.2.2") as other:
        for client, key, login in ((guesser, known, "ann"), (other, known, "ann")):
            answer = await client.get(speech.path, headers=speech.headers(key, login))
            assert answer.status_code == 200, answer.text
        await guesses(guesser, 40, speech)
        for client in (guesser, other):
            for key, login in ((known, "ann"), (new, "bob")):
                answer = await client.get(speech.path, headers=speech.headers(key, login))
                assert answer.status_code == 200, answer.text
        assert await guesses(guesser, 1, speech) == [429]


async def test_apis_count_wrong_keys_together_and_a_request_without_a_key_is_none(
    house: Installation,
) -> None:
    async with came_from(house, "192.0.2.1") as guesser:
        for _ in range(40):
            assert (await guesser.get("/api/files")).status_code == 401
        for speech in SPEECHES.values():
            assert await guesses(guesser, 5, speech) == [401] * 5
        for speech in SPEECHES.values():
            assert await guesses(guesser, 1, speech) == [429]


@pytest.mark.parametrize(
    ("one", "another", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
    ],
)
async def test_of_ipv6_a_network_is_one_address(
    house: Installation, one: str, another: str, same: bool
) -> None:
    speech = SPEECHES["native"]
    async with came_from(house, one) as guesser, came_from(house, another) as other:
        await guesses(guesser, 31, speech)
        assert await guesses(other, 1, speech) == [429 if same else 401]


async def test_a_refused_upload_is_not_read_and_leaves_nothing(house: Installation) -> None:
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        read += 1
        yield b"x" * 100

    async with came_from(house, "192.0.2.1") as guesser:
        await guesses(guesser, 30, SPEECHES["native"])
        answer = await guesser.post(
            "/coatcheck/v1/attachments",
            content=body(),
            headers=SPEECHES["native"].headers(WRONG),
        )
    assert answer.status_code == 429
    assert house.blobs() == []


@pytest.mark.parametrize("believed", ["on", "off"])
async def test_the_address_in_a_header_counts_only_where_the_proxy_is_believed(
    tmp_path: Path, believed: str
) -> None:
    speech = SPEECHES["attachfast"]
    async with (
        installation(tmp_path, dialects=tuple(DIALECTS), forwarded_allow=believed) as house,
        came_from(house, "10.0.0.1") as proxy,
    ):

        async def status(forwarded: str) -> int:
            headers = {**speech.headers(WRONG), "X-Forwarded-For": forwarded}
            return (await proxy.get(speech.path, headers=headers)).status_code

        # What the client itself wrote stands before what the proxy added.
        seen = [await status(f"198.51.100.{n}, 192.0.2.1") for n in range(31)]
        assert seen == [401] * 30 + [429]
        assert await status("192.0.2.2") == (401 if believed == "on" else 429)
        assert await status("198.51.100.7, nonsense") == (401 if believed == "on" else 429)


async def test_wrong_keys_are_not_counted_where_they_have_no_limit(tmp_path: Path) -> None:
    async with (
        installation(tmp_path, dialects=tuple(DIALECTS), wrong_keys_per_minute=0) as house,
        came_from(house, "192.0.2.1") as guesser,
    ):
        assert await guesses(guesser, 60, SPEECHES["native"]) == [401] * 60


@pytest.mark.parametrize("name", SPEECHES)
async def test_a_principal_has_so_many_requests_in_a_minute(tmp_path: Path, name: str) -> None:
    speech = SPEECHES[name]
    async with installation(tmp_path, dialects=tuple(DIALECTS), requests_per_minute=7) as house:
        ann = speech.headers(await house.key())
        bob = speech.headers(await house.key(login="bob"), "bob")
        async with came_from(house, "192.0.2.1") as client:
            for _ in range(7):
                assert (await client.get(speech.path, headers=ann)).status_code == 200
            house.clock.advance(15)
            refused = await client.get(speech.path, headers=ann)
            assert refused.status_code == 429
            assert refused.headers["retry-after"] == "45"
            assert refused.headers["coatcheck-limit"] == "requests_per_minute=7"
            assert "oo many" in speech.told(refused.json())
            if name == "campr":
                figures = [refused.headers[f"rate-limit-{each}"] for each in ("limit", "remaining")]
                assert figures == ["7", "0"]
            assert (await client.get(speech.path, headers=bob)).status_code == 200
            assert (await client.get("/-/health")).status_code == 200
            house.clock.advance(45)
            assert (await client.get(speech.path, headers=ann)).status_code == 200


async def test_the_requests_of_a_principal_are_counted_over_all_apis_and_keys(
    tmp_path: Path,
) -> None:
    async with installation(tmp_path, dialects=tuple(DIALECTS), requests_per_minute=6) as house:
        first = await house.key()
        second = await house.services.keys.create(tenant="acme", login="ann")
        async with came_from(house, "192.0.2.1") as client:
            for n, speech in enumerate(SPEECHES.values()):
                headers = speech.headers((first, second)[n % 2])
                assert (await client.get(speech.path, headers=headers)).status_code == 200
            for speech in SPEECHES.values():
                answer = await client.get(speech.path, headers=speech.headers(second))
                assert answer.status_code == 429
