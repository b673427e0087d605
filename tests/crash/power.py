"""The power of a machine is cut while clients are at it, again and again; afterwards its disks are looked at.

A cut stops the server and copies its disks, whose file systems have not been told anything: what is only in memory is
not in the copy. To mount the copy is what happens when the machine starts again.
"""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from coatcheck.clock import SystemClock
from coatcheck.testing.clock import ManualClock
from tests import deeds
from tests.books import assert_books_balance
from tests.core import core
from tests.crash.disks import Disk, copied_at_once
from tests.crash.traffic import BLOBS, Client, Promises, Traffic, traffic
from tests.crash.zygote import PATIENCE, Forked, Zygote

SETTINGS = {
    "COATCHECK_INLINE_MAX": "1000",
    "COATCHECK_REAP_EVERY": "1",
    "COATCHECK_RATE_LIMITS": "off",
}

#: Deeds acknowledged between two cuts, at least; then some seconds more.
DEEDS = 15
PAUSES = (0.0, 0.3)


@dataclass
class Machine:
    """One disk for everything, or one for the facts and one for the bytes."""

    disks: list[Disk]

    @contextmanager
    def running(self, data_dir: Path) -> Iterator[Path]:
        with ExitStack() as mounts:
            mounts.enter_context(self.disks[0].mounted(data_dir))
            if len(self.disks) > 1:
                mounts.enter_context(self.disks[1].mounted(data_dir / "blobs"))
            yield data_dir

    def cut(self, name: str) -> Machine:
        images = [disk.image.with_name(f"{disk.image.name}.{name}") for disk in self.disks]
        return Machine(copied_at_once(self.disks, images))

    def scrapped(self) -> None:
        for disk in self.disks:
            disk.image.unlink()


@dataclass
class Cut:
    machine: Machine
    promises: Promises


@dataclass
class Rig:
    """`at` is where disks are mounted, `images` where they are kept."""

    nursery: Zygote
    at: Path
    images: Path
    kind: str
    apart: bool
    token: str = ""
    acknowledged: int = 0

    async def cuts(self, count: int) -> list[Cut]:
        """Of one server on new disks."""
        with self._switched_on() as machine, machine.running(self.at) as data_dir:
            await self._install(data_dir)
            return self._taken(machine, data_dir, count)

    @contextmanager
    def _switched_on(self) -> Iterator[Machine]:
        """With new disks, for this block."""
        names = ["facts", "bytes"] if self.apart else ["all"]
        machine = Machine([Disk.made(self.images / name, self.kind) for name in names])
        try:
            yield machine
        finally:
            machine.scrapped()

    async def _install(self, data_dir: Path) -> None:
        async with core(data_dir, durable=True) as place:
            self.token = await place.key()
            await place.services.belonging.check()  # each is marked as the other's
        subprocess.run(["sync", "-f", str(data_dir)], check=True)
        subprocess.run(["sync", "-f", str(data_dir / "blobs")], check=True)

    def _taken(self, machine: Machine, data_dir: Path, count: int) -> list[Cut]:
        taken = []
        server = self.nursery.start(data_dir, SETTINGS)
        try:
            server.wait_until_ready()
            with traffic(server.url, self.token) as clients:
                for number in range(count):
                    self._wait_for((number + 1) * DEEDS, clients, server)
                    time.sleep(random.uniform(*PAUSES))
                    server.stop()
                    copy = machine.cut(str(number))
                    # After the copy, and the answers that were on their way are in it, too.
                    taken.append(Cut(copy, clients.promises()))
                    server.go_on()
                server.kill()
            assert not (refused := clients.refused()), f"{refused}\n{server.said()}"
            self.acknowledged += sum(clients.done().values())
        finally:
            server.kill()
        return taken

    def _wait_for(self, deeds: int, clients: Traffic, server: Forked) -> None:
        deadline = time.monotonic() + PATIENCE
        while sum(clients.done().values()) < deeds:
            assert time.monotonic() < deadline, server.said()
            time.sleep(0.005)

    async def cut_after_each(self, count: int) -> list[Cut]:
        """The moment one client was told that a blob is kept: nothing that came later can have saved it."""
        with self._switched_on() as machine, machine.running(self.at) as data_dir:
            await self._install(data_dir)
            server = self.nursery.start(data_dir, SETTINGS)
            taken = []
            try:
                server.wait_until_ready()
                client = Client(server.url, self.token, BLOBS)
                for number in range(count):
                    assert [client.raw(), client.raw()] == [201, 201]
                    server.stop()
                    taken.append(Cut(machine.cut(str(number)), client.promises.copy()))
                    server.go_on()
            finally:
                server.kill()
        return taken

    async def broken_after(self, cut: Cut) -> list[str]:
        """Which promises a server on what is left does not keep; when it keeps all, everything else adds up as well."""
        with cut.machine.running(self.at) as data_dir:
            server = self.nursery.start(data_dir, SETTINGS)
            try:
                try:
                    server.wait_until_ready()
                except AssertionError as error:
                    return [str(error)]
                if wrong := cut.promises.broken(server.url, self.token):
                    return wrong
            finally:
                server.kill()
            await self._check(data_dir)
        return []

    async def _check(self, data_dir: Path) -> None:
        assert_books_balance(data_dir)
        for leftover in (data_dir / "blobs" / "tmp").glob("*"):
            os.utime(leftover, (0, 0))  # as if as much time had passed for it
        later = ManualClock(SystemClock().now() + 2 * 900_000)
        async with core(data_dir, clock=later, **deeds.BLOBS_ABOVE_1000) as place:
            await deeds.settle(place)
            assert await deeds.findings(place, rehash=True) == []
            assert_books_balance(place, settled=True)
