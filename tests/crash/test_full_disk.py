"""A real server that has no room, may not write or has no descriptors left: it says so, loses nothing, and goes on by
itself when that is over."""

from __future__ import annotations

import json
import resource
import secrets
import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import psutil
import pytest

from tests.books import assert_books_balance
from tests.core import core
from tests.crash.disks import Disk, place_for_images, remount, required, small_disk
from tests.crash.power import SETTINGS
from tests.crash.traffic import NATIVE, Client
from tests.crash.zygote import PATIENCE, Forked, Zygote, zygote

pytestmark = [pytest.mark.sqlite, pytest.mark.folder, pytest.mark.timeout(120)]

#: What does not fit on a disk that is full.
CONTENT = secrets.token_bytes(70_000)

METADATA = (None, b'{"fileName": "a.bin"}', "application/json")
FILE = ("a.bin", CONTENT, "application/octet-stream")

#: By dialect, an upload, and where its answer says what is wrong.
UPLOADS: dict[str, tuple[str, dict[str, Any], Callable[[Any], object]]] = {
    "native": (f"{NATIVE}/attachments", {"data": CONTENT}, lambda said: said["title"]),
    "campr": (
        "/attachments",
        {"data": CONTENT},
        lambda said: [(each["code"], each["description"]) for each in said["errors"]],
    ),
    "attachfast": ("/api/files", {"files": {"file": FILE}}, lambda said: said["errors"]),
    "attachfast chunk": (
        "/api/large_files",
        {
            "data": {"chunk": "1", "total_size": "140000", "key": "a.bin_1"},
            "files": {"file": FILE},
        },
        lambda said: said["errors"],
    ),
    "tracker": ("/v2/attachments/", {"files": {"file": FILE}}, lambda said: said["errorMessages"]),
    "openproject": (
        "/api/v3/attachments",
        {"files": [("metadata", METADATA), ("file", FILE)]},
        lambda said: said["message"],
    ),
    "chat": ("/v1/attachments", {"files": {"file": FILE}}, lambda said: said["message"]),
}

NO_ROOM = "There is no room to store this."
SAID: dict[str, object] = {
    "native": NO_ROOM,
    "campr": [("insufficient_storage", NO_ROOM)],
    "attachfast": [NO_ROOM.removesuffix(".")],
    "attachfast chunk": [NO_ROOM.removesuffix(".")],
    "tracker": ["Service is temporarily unavailable."],
    "openproject": NO_ROOM,
    "chat": NO_ROOM,
}


@pytest.fixture(scope="module")
def nursery() -> Iterator[Zygote]:
    required()
    with zygote() as running:
        yield running


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """To the last byte, by somebody else."""
    with (disk / "filler").open("wb", buffering=0) as filler:
        try:
            while True:
                filler.write(bytes(4096))
        except OSError:
            pass
        yield
    (disk / "filler").unlink()


class House:
    """A server with two tenants, each with one attachment in a row and one in a blob. At the end all adds up."""

    def __init__(self, data_dir: Path, server: Forked, ann: str, eve: str) -> None:
        self.server = server
        self._data_dir = data_dir
        self.ann = Client(server.url, ann, 0)
        self.eve = Client(server.url, eve, 0)
        self.tokens = {"ann": ann, "eve": eve}
        for client in (self.ann, self.eve):
            for turn in (0, 2):
                client._turn = turn
                assert client.raw() == 201

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failed: object, *_: object) -> None:
        self.server.kill()
        if not failed:
            assert_books_balance(self._data_dir)

    def assert_all_is_read(self) -> None:
        for client, token in ((self.ann, self.tokens["ann"]), (self.eve, self.tokens["eve"])):
            assert client.promises.broken(self.server.url, token) == []


async def moved_in(nursery: Zygote, data_dir: Path, **settings: str) -> House:
    async with core(data_dir, durable=True) as place:  # what it starts with is there, too
        ann, eve = await place.key(), await place.key("evil", "eve")
    server = nursery.start(data_dir, SETTINGS | settings)
    server.wait_until_ready()
    return House(data_dir, server, ann, eve)


def soon(happens: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not happens():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


async def test_no_room_for_bytes_is_told_by_each_api_in_its_words_and_nothing_else_suffers(
    nursery: Zygote, tmp_path: Path
):
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    with small_disk(data_dir / "blobs", 2048) as disk, await moved_in(nursery, data_dir) as house:
        with filled(disk):
            for dialect, (path, request, words) in UPLOADS.items():
                answer = house.ann._send("POST", path, **request)
                assert answer.status_code == 507, (dialect, answer.text)
                assert answer.headers["Retry-After"] == "5"
                assert words(answer.json()) == SAID[dialect]
            house.assert_all_is_read()
            assert list((disk / "tmp").iterdir()) == []
            assert house.eve.claim() in (201, 507)  # what is small is kept in a row
            house.eve._turn = 0
            assert house.eve.claim() == 200
            assert house.ann._send("DELETE", _last(house.ann)).status_code == 204
            house.ann.promises.kept.popitem()
            blobs = set((disk / "blobs").glob("??/*"))
            soon(lambda: len(set((disk / "blobs").glob("??/*"))) == 1, f"{blobs} are still there")
        for client in (house.ann, house.eve):
            client._turn = 2
            assert client.raw() == 201
        house.assert_all_is_read()


def _last(client: Client) -> str:
    return f"{NATIVE}/attachments/{list(client.promises.kept)[-1]}"


async def test_no_room_for_facts_is_told_and_what_was_told_before_is_kept(
    nursery: Zygote, tmp_path: Path
):
    data_dir, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
    elsewhere.mkdir()
    with small_disk(data_dir, 4096) as disk:
        (disk / "blobs").symlink_to(elsewhere)
        with await moved_in(nursery, data_dir) as house:
            with filled(disk):
                told = [deed() for deed in _deeds(house.ann) for _ in range(4)]
                assert 507 in told
                assert set(told) <= {200, 201, 202, 204, 507}
                house.assert_all_is_read()
            house.ann._turn = 2
            assert [deed() for deed in _deeds(house.ann)] == [201, 201, 200, 204]
            house.assert_all_is_read()


def _deeds(client: Client) -> list[Callable[[], int]]:
    return [client.raw, client.form, client.claim, client.delete]


async def test_with_no_room_for_anything_what_is_there_is_read_and_all_goes_on_afterwards(
    nursery: Zygote, tmp_path: Path
):
    data_dir = tmp_path / "data"
    with small_disk(data_dir, 4096) as disk, await moved_in(nursery, data_dir) as house:
        with filled(disk):
            house.ann._turn = 2
            house.assert_all_is_read()
        assert [deed() for deed in _deeds(house.ann)] == [201, 201, 200, 204]
        house.assert_all_is_read()


async def test_a_client_that_sends_on_and_on_is_told_within_one_write(
    nursery: Zygote, tmp_path: Path
):
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    with small_disk(data_dir / "blobs", 1024), await moved_in(nursery, data_dir) as house:
        address = urlsplit(house.server.url)
        with socket.create_connection((address.hostname or "", address.port or 0)) as raw:
            head = f"POST {NATIVE}/attachments HTTP/1.1\r\nHost: {address.netloc}\r\n"
            head += f"Authorization: Bearer {house.tokens['ann']}\r\n"
            raw.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
            piece = b"10000\r\n" + bytes(2**16) + b"\r\n"
            sent = 0
            while not select.select([raw], [], [], 0.01)[0]:
                assert sent < 16 * 2**20, "it takes and takes, and there is no room"
                raw.sendall(piece)
                sent += 2**16
            assert raw.recv(4096).startswith(b"HTTP/1.1 507 ")
        house.assert_all_is_read()


async def test_a_disk_that_became_read_only_is_told_and_reads_go_on(
    nursery: Zygote, tmp_path: Path
):
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    with small_disk(data_dir / "blobs", 2048) as disk, await moved_in(nursery, data_dir) as house:
        remount(disk, "ro")
        house.ann._turn = 2
        answer = house.ann._send("POST", f"{NATIVE}/attachments", data=CONTENT)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        house.assert_all_is_read()
        remount(disk, "rw")
        assert house.ann.raw() == 201
        house.assert_all_is_read()


@pytest.mark.thorough
async def test_a_file_system_that_gave_up_takes_nothing_with_it_that_was_acknowledged(
    nursery: Zygote, tmp_path: Path
):
    data_dir = tmp_path / "data"
    with place_for_images() as images:
        disk = Disk.made(images / "all", "ext4")
        with disk.mounted(data_dir):
            house = await moved_in(nursery, data_dir)
            try:
                remount(data_dir, "abort")  # as ext4 does by itself at an error of the disk
                told = [house.ann.raw() for _ in range(3)]
            finally:
                house.server.kill()
            assert set(told) <= {503, 507}
        with disk.mounted(data_dir):
            house.server = nursery.start(data_dir, SETTINGS)
            house.server.wait_until_ready()
            with house:
                house.assert_all_is_read()


async def test_with_no_descriptors_left_uploads_are_refused_and_go_on_when_there_are_some(
    nursery: Zygote, tmp_path: Path
):
    data_dir = tmp_path / "data"
    with await moved_in(nursery, data_dir) as house:
        house.ann._turn = 2
        process = psutil.Process(house.server.pid)
        before = process.rlimit(resource.RLIMIT_NOFILE)
        process.rlimit(resource.RLIMIT_NOFILE, (process.num_fds(), before[1]))
        answer = house.ann._send("POST", f"{NATIVE}/attachments", data=CONTENT)
        assert (answer.status_code, json.loads(answer.text)["code"]) == (503, "unavailable")
        process.rlimit(resource.RLIMIT_NOFILE, before)
        assert house.ann.raw() == 201
        house.assert_all_is_read()
