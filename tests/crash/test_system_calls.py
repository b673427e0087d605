"""By the system calls of a real server: what has to be durable is so before the answer goes out, and a sync that failed
is not tried again, but told as a failure."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests

from coatcheck.clock import SystemClock
from coatcheck.testing.clock import ManualClock
from tests import deeds
from tests.books import assert_books_balance
from tests.core import core
from tests.crash.disks import program
from tests.crash.power import SETTINGS
from tests.crash.tracing import Call, Calls, traced
from tests.crash.traffic import BLOBS, NATIVE, Client
from tests.crash.zygote import Forked, Zygote, zygote

pytestmark = [pytest.mark.sqlite, pytest.mark.folder, pytest.mark.timeout(120)]

#: No sweep comes between.
QUIET = SETTINGS | {"COATCHECK_REAP_EVERY": "3600"}


@pytest.fixture(scope="module")
def nursery() -> Iterator[Zygote]:
    program("strace", "strace")
    if os.geteuid() != 0:
        pytest.skip("NOT ROOT: no running server can be traced")
    with zygote() as running:
        yield running


async def started(nursery: Zygote, data_dir: Path) -> tuple[Forked, Client]:
    async with core(data_dir) as place:
        token = await place.key()
    server = nursery.start(data_dir, QUIET)
    server.wait_until_ready()
    return server, Client(server.url, token, BLOBS)


def at(calls: list[Call], place: str, *names: str) -> list[Call]:
    return [call for call in calls if call.name in names and place in call.path]


def answers(calls: Calls) -> list[list[Call]]:
    """The calls up to each answer with 201, which is the last of them."""
    found: list[list[Call]] = [[]]
    for call in calls.all():
        found[-1].append(call)
        if '"HTTP/1.1 201' in call.says:
            found.append([])
    return found[:-1]


async def test_all_is_synced_in_its_order_before_the_answer_goes_out(
    nursery: Zygote, tmp_path: Path
):
    server, client = await started(nursery, tmp_path / "data")
    with traced(server.pid, tmp_path / "calls") as calls:
        assert [client.raw() for _ in range(5)] == [201] * 5
    server.kill()
    for before in answers(calls):
        (link,) = (call for call in before if call.name in ("link", "linkat"))
        (file,) = at(before, "/blobs/tmp/", "fsync")
        (shard,) = (call for call in at(before, "/blobs/blobs/", "fsync"))
        commit = at(before, "/coatcheck.db", "fdatasync", "fsync")[-1]
        in_order = [file, link, shard, commit, before[-1]]
        for made in (call for call in before if call.name in ("mkdir", "mkdirat")):
            (parent,) = (
                call for call in before if call.name == "fsync" and call.path.endswith("/blobs")
            )
            assert made.ended < parent.began
            assert parent.ended < link.began
        for first, second in itertools.pairwise(in_order):
            assert first.ended < second.began, (first, second)
        assert not any(call.failed for call in in_order)
    assert len(answers(calls)) == 5


async def test_what_is_deleted_is_off_the_disk_before_it_is_off_the_books(
    nursery: Zygote, tmp_path: Path
):
    server, client = await started(nursery, tmp_path / "data")
    with traced(server.pid, tmp_path / "calls") as calls:
        assert client.delete() == 204
        server_is_done(server, client)
    server.kill()
    made = calls.all()
    (gone,) = (call for call in at(made, "/blobs/blobs/", "unlinkat") if not call.failed)
    (synced,) = (call for call in at(made, "/blobs/blobs/", "fsync") if call.began > gone.began)
    last = at(made, "/coatcheck.db", "fdatasync", "fsync")[-1]
    assert gone.ended < synced.began
    assert synced.ended < last.began


def server_is_done(server: Forked, client: Client) -> None:
    """Another write comes after the ones of before."""
    client._turn = 0
    assert client.raw() == 201
    client._turn = BLOBS


def cases() -> Iterator[Any]:
    """The number is that of a thread: the third sync of the one for facts and the third of one for bytes fail."""
    later = pytest.mark.thorough
    for number in range(1, 10):
        syncs = "fsync,fdatasync"
        quick = [] if number == 3 else [later]
        yield pytest.param(f"{syncs}:error=EIO:when={number}", 503, marks=quick)
        yield pytest.param(f"{syncs}:signal=SIGKILL:when={number}", 0, marks=quick)
    for number in (1, 2, 3):
        yield pytest.param(
            f"link,linkat:error=ENOSPC:when={number}", 507, marks=[later] * (number != 1)
        )
        yield pytest.param(f"link,linkat:error=EROFS:when={number}", 503, marks=later)
        yield pytest.param(f"mkdir,mkdirat:error=ENOSPC:when={number}", 507, marks=later)


@pytest.mark.parametrize(("fault", "status"), [*cases()])
async def test_what_fails_is_told_and_leaves_nothing_and_what_was_told_before_holds(
    fault: str, status: int, nursery: Zygote, tmp_path: Path
):
    data_dir = tmp_path / "data"
    server, client = await started(nursery, data_dir)
    told = []
    with traced(server.pid, tmp_path / "calls", fault) as calls:
        for _ in range(8):
            with suppress(requests.RequestException):
                told.append(client.raw())
    failed = [code for code in told if code != 201]
    assert set(failed) <= {status}
    assert any(call.injected for call in calls.all()) or not server.alive()
    assert_never_synced_again(calls.all())
    if server.alive():
        assert failed
        assert len(client.promises.kept) == told.count(201)
        shown = client._send("GET", f"{NATIVE}/attachments?limit=100").json()["attachments"]
        assert {each["id"] for each in shown} == set(client.promises.kept)
        assert client.raw() == 201
        server.kill()
    assert_books_balance(data_dir)
    again = nursery.start(data_dir, QUIET)
    again.wait_until_ready()
    token = str(client._http.headers["Authorization"]).removeprefix("Bearer ")
    assert client.promises.broken(again.url, token) == []
    again.kill()
    for leftover in (data_dir / "blobs" / "tmp").glob("*"):
        os.utime(leftover, (0, 0))  # as if as much time had passed for it
    later = ManualClock(SystemClock().now() + 2 * 900_000)
    async with core(data_dir, clock=later, **deeds.BLOBS_ABOVE_1000) as place:
        await deeds.settle(place)
        assert await deeds.findings(place, rehash=True) == []
        assert_books_balance(place, settled=True)


def assert_never_synced_again(calls: list[Call]) -> None:
    """A second sync of what failed once would say that all is well: the kernel has let go of the bytes."""
    failed = set()
    for call in calls:
        if call.name == "close":
            failed.discard(call.descriptor)
        elif call.name == "fsync" and "/blobs" in call.path:
            assert call.descriptor not in failed, call
            if call.failed:
                failed.add(call.descriptor)
