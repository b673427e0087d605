"""While the disk has little room left uploads are refused before their bytes come, and all else goes on."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from coatcheck.domain.errors import StorageFull
from coatcheck.services.room import STEP, Room
from tests.books import assert_books_balance
from tests.kit import Installation, installation

NATIVE = "/coatcheck/v1/attachments"
MIB = 1024 * 1024

pytestmark = [pytest.mark.sqlite, pytest.mark.folder]


def free(path: Path) -> int:
    system = os.statvfs(path)
    return system.f_bavail * system.f_frsize


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Installation]:
    """With something kept in it before its disk was full."""
    async with installation(tmp_path, rate_limits="off") as house, house.client() as client:
        for content in (b"one", b"two" * MIB):
            assert (await client.post(NATIVE, content=content)).is_success
    async with installation(tmp_path, rate_limits="off", disk_reserve=2**60) as house:
        yield house


UPLOADS: dict[str, tuple[str, dict[str, Any]]] = {
    "native": (NATIVE, {"content": b"x"}),
    "native, large": (NATIVE, {"content": b"x" * MIB}),
    "campr": ("/attachments", {"content": b"x"}),
    "attachfast": ("/api/files", {"files": {"file": ("a", b"x")}}),
    "tracker": ("/v3/attachments/?filename=a.txt", {"files": {"file": ("a", b"x")}}),
}


@pytest.mark.parametrize("api", UPLOADS)
async def test_uploads_are_507_in_the_words_of_each_api_with_a_time_to_come_again(
    house: Installation, api: str
):
    path, options = UPLOADS[api]
    headers = {"X-Org-ID": "acme"} if api == "tracker" else {}
    async with house.client() as client:
        answer = await client.post(path, headers=headers, **options)
    assert answer.status_code == 507, answer.text
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["Content-Type"].startswith("application/")
    if api.startswith("native"):
        assert answer.json()["code"] == "storage_full"


async def test_no_byte_of_a_body_is_read_for_which_there_is_no_room(house: Installation):
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(10):
            read += 1
            yield b"x" * 100_000

    async with house.client() as client:
        for head in ({}, {"Content-Length": "1000000"}):
            answer = await client.post(NATIVE, content=body(), headers=head)
            assert answer.status_code == 507
    assert read == 0


async def test_what_is_kept_can_be_read_claimed_and_deleted_and_sweeps_go_on(house: Installation):
    async with house.client() as client:
        ids = [each["id"] for each in (await client.get(NATIVE)).json()["attachments"]]
        assert len(ids) == 2
        assert (await client.get(f"{NATIVE}/{ids[0]}/content")).is_success
        wanted = {"container": {"kind": "post", "id": "1"}, "attachments": ids[:1]}
        assert (await client.post("/coatcheck/v1/claims", json=wanted)).is_success
        assert (await client.delete(f"{NATIVE}/{ids[1]}")).is_success
    await house.services.reaping.sweep()
    assert_books_balance(house.settings.data_dir)


async def test_readiness_stays_and_says_so(house: Installation, tmp_path: Path):
    async with house.anonymous() as client:
        answer = await client.get("/-/ready")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    assert "uploads are refused" in answer.json()["note"]
    async with installation(tmp_path) as roomy, roomy.anonymous() as client:
        assert "note" not in (await client.get("/-/ready")).json()


async def test_a_long_upload_of_unknown_length_ends_where_the_reserve_begins(tmp_path: Path):
    reserve = free(tmp_path) - 24 * MIB
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100 * MIB:
            sent += MIB
            yield b"x" * MIB

    async with (
        installation(tmp_path, disk_reserve=reserve, min_rate=0) as house,
        house.client() as client,
    ):
        answer = await client.post(NATIVE, content=body())
        assert answer.status_code == 507, answer.text
        assert sent < 80 * MIB
        assert house.blobs() == []
        assert_books_balance(house.settings.data_dir)


class Shrinking:
    """A disk that others fill; counts how often it is looked at."""

    def __init__(self, **free: int) -> None:
        self.left = free
        self.looks = 0

    def free(self) -> dict[str, int]:
        self.looks += 1
        return dict(self.left)


def test_the_disk_is_looked_at_once_a_second_and_what_comes_meanwhile_is_counted():
    disk = Shrinking(blobs=111 + 4 * STEP, database=1000)
    room = Room(disk, reserve=100, inline_max=10)
    for _ in range(1000):
        room.require(5)
    for _ in range(4):
        room.took(STEP)
    with pytest.raises(StorageFull):
        room.took(1)
    assert disk.looks <= 2


def test_what_is_small_needs_room_for_the_database_alone_and_what_is_large_for_both():
    room = Room(Shrinking(blobs=50, database=1000), reserve=100, inline_max=10)
    room.require(10)
    with pytest.raises(StorageFull):
        room.require(11)
    Room(Shrinking(database=1000), reserve=100, inline_max=10).require(10**9)
    with pytest.raises(StorageFull):
        Room(Shrinking(database=99), reserve=100, inline_max=10).require(10**9)
    Room(Shrinking(database=1, blobs=1), reserve=0, inline_max=10).require(10**9)
