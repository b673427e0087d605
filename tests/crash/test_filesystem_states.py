"""Every disk a crash can leave: what was not synced may be there or not, in any combination.

A workload is recorded call by call. For each point of it, the calls that no sync covers are lost in
every combination (a sample of them where there are many), the disk is built that this leaves, and a
store is opened on it. A change to a directory is durable by a sync of that directory alone, written
bytes by a sync of their file alone: more than real file systems lose, and all that POSIX lets them.
"""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from itertools import product
from pathlib import Path

import pytest

from coatcheck.blobs.base import BlobKey, BlobMissing
from coatcheck.blobs.filesystem import FilesystemBlobStore, FsOps
from coatcheck.testing.content import listed, pattern, pieces, whole
from tests.blobs.recording import Op, RecordingFs

#: All combinations of so many unsynced calls are tried; of more, a sample.
EXHAUSTIVE = 6
SAMPLES = 48

A, B, C, D, E = (BlobKey(start.ljust(32, "0")) for start in ("ab1", "ab2", "cd1", "cd2", "ef1"))

#: What a disk holds: bytes of a file, None for a directory.
Disk = dict[Path, bytes | None]


@dataclass
class Step:
    """What happened to a key between two calls, and what may be stored under it afterwards."""

    key: BlobKey
    begin: int
    end: int
    after: set[bytes | None]


@dataclass
class Change:
    """One call's effect: a name that leads to a file or directory, or no more; or bytes in a file."""

    directory: Path | None = None
    name: Path | None = None
    leads_to: int | None = None
    file: int | None = None
    at: int = 0
    data: bytes = b""
    synced: bool = False


class Unsynced(FsOps):
    """For the store that is opened after the crash, whose own durability is not what is tested."""

    def fsync(self, fd: int) -> None:
        pass


async def record(root: Path) -> tuple[list[Op], list[Step]]:
    fs = RecordingFs()
    store = FilesystemBlobStore(root, fs=fs)
    steps: list[Step] = []

    async def put(key: BlobKey, content: bytes) -> None:
        begin = len(fs.ops)
        # So many pieces that they take more than one write.
        await store.put(key, pieces(*(content[at : at + 16] for at in range(0, len(content), 16))))
        steps.append(Step(key, begin, len(fs.ops), {content}))

    async def delete(key: BlobKey) -> None:
        begin = len(fs.ops)
        await store.delete(key)
        steps.append(Step(key, begin, len(fs.ops), {None}))

    async def put_cancelled_at_its_last_sync(key: BlobKey, content: bytes) -> None:
        begin = len(fs.ops)
        loop = asyncio.get_running_loop()
        task = asyncio.create_task(store.put(key, pieces(content)))

        def hook(op: Op) -> None:
            if op.name == "fsync" and op.path == store.path(key).parent:
                asyncio.run_coroutine_threadsafe(cancel(), loop).result()

        async def cancel() -> None:
            task.cancel()

        fs.hook = hook
        with pytest.raises(asyncio.CancelledError):
            await task
        fs.hook = lambda _op: None
        # Nobody was told that it is stored: whole, it is an orphan, which the sweeps find.
        steps.append(Step(key, begin, len(fs.ops), {content, None}))

    await put(A, pattern(1, 40))
    await put(B, pattern(2, 16 * 300))
    await put(C, pattern(3, 16 * 520))
    await delete(A)
    await put_cancelled_at_its_last_sync(D, pattern(4, 40))
    store = FilesystemBlobStore(root, fs=fs)
    await put(E, b"")
    await delete(C)
    return fs.ops, steps


def changes(ops: list[Op]) -> list[Change]:
    """The effects of the calls, in their order, each with whether a later call made it durable."""
    made: list[Change] = []
    names: dict[Path, int] = {}
    sizes: dict[int, int] = {}
    directories: set[Path] = set()
    for op in ops:
        if op.name == "mkdir" and op.path not in directories:
            directories.add(op.path)
            made.append(Change(op.path.parent, op.path, leads_to=-1))
        elif op.name == "create":
            names[op.path] = len(sizes)
            sizes[names[op.path]] = 0
            made.append(Change(op.path.parent, op.path, leads_to=names[op.path]))
        elif op.name == "link":
            assert op.source is not None
            names[op.path] = names[op.source]
            made.append(Change(op.path.parent, op.path, leads_to=names[op.path]))
        elif op.name == "unlink":
            made.append(Change(op.path.parent, op.path))
        elif op.name == "write":
            file = names[op.path]
            made.append(Change(file=file, at=sizes[file], data=op.data))
            sizes[file] += len(op.data)
        elif op.name == "fsync":
            synced = names.get(op.path)
            for change in made:
                if change.directory == op.path or (synced is not None and change.file == synced):
                    change.synced = True
    return made


def disk(root: Path, kept: list[Change]) -> Disk:
    """What the kept changes make of a disk that has nothing of the store."""
    names: dict[Path, int] = {}
    files: dict[int, bytearray] = {}
    for change in kept:
        if change.file is not None:
            content = files.setdefault(change.file, bytearray())
            content.extend(bytes(change.at + len(change.data) - len(content)))  # holes are zeros
            content[change.at : change.at + len(change.data)] = change.data
        elif change.name is not None and change.leads_to is not None:
            names[change.name] = change.leads_to
        elif change.name is not None:
            names.pop(change.name, None)
    reached: Disk = {}
    for name, file in sorted(names.items()):
        if name == root or name.parent in reached:
            reached[name] = None if file == -1 else bytes(files.get(file, b""))
    return reached


def disks_after(root: Path, ops: list[Op]) -> Iterator[Disk]:
    """The disks a crash after these calls may leave."""
    made = changes(ops)
    unsynced = [place for place, change in enumerate(made) if not change.synced]
    for lost in losses(len(unsynced)):
        gone = {place for place, is_lost in zip(unsynced, lost, strict=True) if is_lost}
        yield disk(root, [change for place, change in enumerate(made) if place not in gone])


def losses(count: int) -> Iterator[tuple[bool, ...]]:
    if count <= EXHAUSTIVE:
        yield from product((False, True), repeat=count)
        return
    yield (False,) * count
    yield (True,) * count
    for one in range(count):
        yield tuple(place == one for place in range(count))
        yield tuple(place != one for place in range(count))
    # The last calls are those of the operation in flight.
    for last in product((False, True), repeat=EXHAUSTIVE):
        yield (False,) * (count - EXHAUSTIVE) + last
    chance = random.Random(count)
    for _ in range(SAMPLES):
        yield tuple(chance.random() < 0.5 for _ in range(count))


def allowed(steps: list[Step], key: BlobKey, done: int) -> set[bytes | None]:
    """What may be stored under the key once so many calls were made: None for nothing."""
    may: set[bytes | None] = {None}
    for step in steps:
        if step.key == key and step.end <= done:
            may = step.after
        elif step.key == key and step.begin < done:
            may = may | step.after
    return may


async def check(root: Path, image: Disk, steps: list[Step], done: int) -> None:
    """Recover from this disk and compare with what was promised. Raises AssertionError."""
    shutil.rmtree(root, ignore_errors=True)
    for path, content in sorted(image.items()):
        if content is None:
            path.mkdir()
        else:
            path.write_bytes(content)
    store = FilesystemBlobStore(root, fs=Unsynced())
    await store.sweep_leftovers(older_than=-60)
    assert list((root / "tmp").iterdir()) == []
    found = set(await listed(store))
    for key in (A, B, C, D, E):
        stored: bytes | None
        try:
            stored = await whole(store, key)
        except BlobMissing:
            stored = None
        assert stored in allowed(steps, key, done), f"{key} after {done} calls"
        assert (key in found) == (stored is not None)
    for key in found:
        await store.delete(key)


async def check_all(root: Path, leave_out: Callable[[Op], bool] = lambda _op: False) -> int:
    """Check each disk each crash may leave; how many. Calls left out were made, but had no effect."""
    ops, steps = await record(root)
    seen: set[tuple[frozenset[tuple[Path, bytes | None]], str]] = set()
    for done in range(len(ops) + 1):
        may = repr([allowed(steps, key, done) for key in (A, B, C, D, E)])
        for image in disks_after(root, [op for op in ops[:done] if not leave_out(op)]):
            state = (frozenset(image.items()), may)
            if state not in seen:
                seen.add(state)
                await check(root, image, steps, done)
    return len(seen)


async def test_whatever_a_crash_leaves_acknowledged_blobs_are_whole_and_others_whole_or_missing(
    tmp_path: Path,
):
    assert await check_all(tmp_path / "store") > 200


@pytest.mark.parametrize("synced", ["store/tmp/*", "store/blobs/ab", "store/blobs", "store", "."])
async def test_a_store_that_left_out_one_kind_of_sync_would_be_found_out(
    tmp_path: Path, synced: str
):
    root = tmp_path / "store"

    def left_out(op: Op) -> bool:
        return op.name == "fsync" and fnmatch(str(op.path.relative_to(tmp_path)), synced)

    with pytest.raises(AssertionError, match=r"after \d+ calls"):
        await check_all(root, left_out)
