"""Disks that a test may fill, break and cut off from power: file systems in files and in memory.

disk = Disk.made(image, "ext4")
with disk.mounted(directory):
    ...
    disk.copied(other)   # what a power cut at this moment would leave behind
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"

#: How each kind is made, the MiB that it needs at least, and how it is mounted: as lazily as it can be, so that what
#: nobody has synced is not on the disk by chance.
_KINDS = {
    "ext4": (["mkfs.ext4", "-qF"], 64, "loop,commit=300"),
    "xfs": (["mkfs.xfs", "-qf"], 320, "loop,nouuid"),
    "btrfs": (["mkfs.btrfs", "-qf"], 160, "loop,commit=300"),
}
_PACKAGES = {"ext4": "e2fsprogs", "xfs": "xfsprogs", "btrfs": "btrfs-progs"}

#: Seconds in which the kernel lets go of a directory whose last user has died.
PATIENCE = 10

#: Seconds within which two writes to a file may have the same time.
_TICK = 0.01


def program(name: str, package: str) -> str:
    """Its path; skips the test, loudly, where it is not installed."""
    found = shutil.which(name, path=_PATH)
    if not found:
        pytest.skip(f"NO {name.upper()}: install {package} to run what needs it")
    return found


def required(kind: str = "tmpfs") -> None:
    """Skips the test, loudly, where such a disk cannot be mounted."""
    if os.geteuid() != 0:
        pytest.skip("NOT ROOT: no disk can be mounted to be filled or cut off from power")
    if kind != "tmpfs":
        program(_KINDS[kind][0][0], _PACKAGES[kind])
        if not Path("/dev/loop-control").exists():
            pytest.skip("NO LOOP DEVICE: no image can be mounted to be cut off from power")


@contextmanager
def place_for_images() -> Iterator[Path]:
    """In memory, where there is room for them."""
    shared = Path("/dev/shm")
    roomy = shared.is_dir() and shutil.disk_usage(shared).free > 2**31
    with tempfile.TemporaryDirectory(dir=shared if roomy else None) as directory:
        yield Path(directory)


@dataclass(frozen=True)
class Disk:
    image: Path
    kind: str

    @classmethod
    def made(cls, image: Path, kind: str) -> Disk:
        required(kind)
        command, size, _ = _KINDS[kind]
        with image.open("wb") as file:
            file.truncate(size * 2**20)
        _run(program(command[0], _PACKAGES[kind]), *command[1:], str(image))
        return cls(image, kind)

    @contextmanager
    def mounted(self, at: Path) -> Iterator[Path]:
        at.mkdir(exist_ok=True)
        _mount("-o", _KINDS[self.kind][2], str(self.image), str(at))
        try:
            yield at
        finally:
            _unmount(at)

    def copied(self, image: Path) -> Disk:
        _run("cp", "--sparse=auto", str(self.image), str(image))
        return Disk(image, self.kind)

    def last_written(self) -> int:
        return self.image.stat().st_mtime_ns


def copied_at_once(disks: list[Disk], images: list[Path]) -> list[Disk]:
    """All as they are at one moment: again, if the kernel has written to one meanwhile."""
    while True:
        before = [disk.last_written() for disk in disks]
        time.sleep(_TICK)
        copies = [disk.copied(image) for disk, image in zip(disks, images, strict=True)]
        if before == [disk.last_written() for disk in disks]:
            return copies


@contextmanager
def small_disk(at: Path, kib: int) -> Iterator[Path]:
    """In memory, and soon full."""
    required()
    at.mkdir(exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"size={kib}k,mode=700", "tmpfs", str(at))
    try:
        yield at
    finally:
        _unmount(at)


def remount(at: Path, options: str) -> None:
    _run("mount", "-o", f"remount,{options}", str(at))


def _mount(*arguments: str) -> None:
    ran = subprocess.run(["mount", *arguments], capture_output=True, text=True)
    if ran.returncode:
        pytest.skip(f"NO MOUNT: {ran.stderr.strip()}")


def _unmount(at: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while (ran := subprocess.run(["umount", str(at)], capture_output=True, text=True)).returncode:
        assert time.monotonic() < deadline, ran.stderr
        time.sleep(0.05)


def _run(*command: str) -> None:
    ran = subprocess.run(command, capture_output=True, text=True, env={"PATH": _PATH})
    assert ran.returncode == 0, ran.stderr
