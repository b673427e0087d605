from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import random
import stat
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from threading import Event
from typing import Any, cast

import psutil
import pytest

from coatcheck.blobs.base import BlobExists, BlobKey, BlobMissing, BlobStore, new_blob_key
from coatcheck.blobs.filesystem import BATCH, FilesystemBlobStore
from coatcheck.blobs.filesystem import store as module
from coatcheck.domain.errors import StorageFull, Unavailable
from coatcheck.testing.blob_store import BlobStoreContract
from coatcheck.testing.content import listed, pattern, pieces, whole
from tests.blobs.recording import Op, RecordingFs

MIB = 1024 * 1024
KEY = BlobKey("ab" + "0" * 30)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def fs() -> RecordingFs:
    return RecordingFs()


@pytest.fixture
def store(root: Path, fs: RecordingFs) -> FilesystemBlobStore:
    store = FilesystemBlobStore(root, fs=fs)
    fs.ops.clear()
    return store


@pytest.fixture
def umask() -> Iterator[Callable[[int], None]]:
    before = os.umask(0o022)
    yield lambda mask: cast(None, os.umask(mask))
    os.umask(before)


def descriptors() -> int:
    return psutil.Process().num_fds()


def files_below(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if not path.is_dir())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def raising(number: int, when: Callable[[Op], bool]) -> Callable[[Op], None]:
    def hook(op: Op) -> None:
        if when(op):
            raise OSError(number, os.strerror(number), str(op.path))

    return hook


def the_nth_of(fs: RecordingFs, nth: int) -> Callable[[Op], bool]:
    return lambda _op: len(fs.ops) == nth


def from_the_nth_of(fs: RecordingFs, nth: int) -> Callable[[Op], bool]:
    return lambda _op: len(fs.ops) >= nth


def the_call(name: str) -> Callable[[Op], bool]:
    return lambda op: op.name == name


class TestFilesystemBlobStore(BlobStoreContract):
    @pytest.fixture
    def store(self, root: Path) -> FilesystemBlobStore:
        return FilesystemBlobStore(root)

    async def assert_nothing_is_left(self, store: BlobStore, key: BlobKey) -> None:
        await super().assert_nothing_is_left(store, key)
        assert isinstance(store, FilesystemBlobStore)
        root = store.path(key).parents[2]
        assert [path for path in files_below(root) if path.name.startswith(key)] == []


# --- the order of writing


async def test_a_blob_is_synced_before_it_has_its_name_and_its_name_before_put_returns(
    store: FilesystemBlobStore, fs: RecordingFs, root: Path
):
    await store.put(KEY, pieces(b"coat"))
    beside = fs.ops[0].path
    assert beside.parent == root / "tmp"
    shard = root / "blobs/ab"
    assert [str(op) for op in fs.ops if op.name not in {"open", "close"}] == [
        f"create {beside}",
        f"write {beside}",
        f"fsync {beside}",
        f"mkdir {shard}",
        f"fsync {root / 'blobs'}",
        f"link {shard / KEY}",
        f"unlink {beside}",
        f"fsync {shard}",
    ]


async def test_a_directory_another_process_made_is_made_durable_too(
    store: FilesystemBlobStore, fs: RecordingFs, root: Path
):
    (root / "blobs/ab").mkdir()
    await store.put(KEY, pieces(b"coat"))
    assert Op("fsync", root / "blobs") in fs.ops


async def test_a_directory_known_to_be_durable_is_not_synced_into_its_parent_again(
    store: FilesystemBlobStore, fs: RecordingFs, root: Path
):
    await store.put(KEY, pieces(b"coat"))
    fs.ops.clear()
    await store.put(BlobKey("ab" + "1" * 30), pieces(b"coat"))
    assert Op("fsync", root / "blobs") not in fs.ops


async def test_a_deletion_is_synced_even_if_another_had_unlinked_before(
    store: FilesystemBlobStore, fs: RecordingFs, root: Path
):
    await store.put(KEY, pieces(b"coat"))
    for _ in range(2):
        fs.ops.clear()
        await store.delete(KEY)
        calls = [op for op in fs.ops if op.name not in {"open", "close"}]
        assert calls == [Op("unlink", store.path(KEY)), Op("fsync", root / "blobs/ab")]


async def test_of_many_deletions_those_in_one_directory_are_synced_together(
    store: FilesystemBlobStore, fs: RecordingFs, root: Path
):
    keys = [BlobKey(shard + str(n) * 30) for shard in ("ab", "cd") for n in range(3)]
    for key in keys[1:]:
        await store.put(key, pieces(b"coat"))
    fs.ops.clear()
    assert await store.delete_many(keys) == {}
    for shard in ("ab", "cd"):
        calls = [op.name for op in fs.ops if root / "blobs" / shard in (op.path, op.path.parent)]
        assert calls == ["open", *["unlink"] * 3, "fsync", "close"]
    assert await listed(store) == []


@pytest.mark.parametrize(("call", "stay"), [("unlink", 1), ("fsync", 2), ("open", 2)])
async def test_of_many_deletions_one_that_fails_keeps_back_no_other(
    call: str, stay: int, store: FilesystemBlobStore, fs: RecordingFs, root: Path
):
    keys = [BlobKey(start.ljust(32, "0")) for start in ("ab1", "ab2", "cd1", "cd2")]
    for key in keys:
        await store.put(key, pieces(b"coat"))
    places = {root / "blobs/ab", store.path(keys[0])}
    fs.hook = raising(errno.EIO, lambda op: op.name == call and op.path in places)
    failed = await store.delete_many(keys)
    assert set(failed) == set(keys[:stay])
    assert all(isinstance(error, Unavailable) for error in failed.values())
    assert all(isinstance(error.__cause__, OSError) for error in failed.values())
    fs.hook = lambda _op: None
    assert await store.delete_many(keys) == {}
    assert await listed(store) == []


def test_a_new_store_is_durable_before_it_is_used(root: Path, fs: RecordingFs):
    FilesystemBlobStore(root, fs=fs)
    assert [op for op in fs.ops if op.name not in {"open", "close"}] == [
        Op("mkdir", root),
        Op("mkdir", root / "blobs"),
        Op("mkdir", root / "tmp"),
        Op("fsync", root),
        Op("fsync", root.parent),
    ]


async def test_pieces_travel_in_batches_of_about_a_mebibyte(
    store: FilesystemBlobStore, fs: RecordingFs
):
    await store.put(KEY, pieces(*[bytes(64 * 1024)] * 33))
    assert [len(op.data) for op in fs.ops if op.name == "write"] == [BATCH, BATCH, 64 * 1024]


async def test_an_empty_piece_has_what_came_before_it_written(
    store: FilesystemBlobStore, fs: RecordingFs
):
    assert await store.put(KEY, pieces(b"", b"one", b"", b"", b"two")) == 6
    assert [op.data for op in fs.ops if op.name == "write"] == [b"one", b"two"]


async def test_a_write_that_takes_less_than_offered_is_continued(
    root: Path, monkeypatch: pytest.MonkeyPatch
):
    real = os.writev
    monkeypatch.setattr(os, "writev", lambda fd, parts: real(fd, [b"".join(parts)[:7]]))
    store = FilesystemBlobStore(root)
    content = pattern(1, 1000)
    await store.put(KEY, pieces(content[:10], content[10:17], content[17:18], content[18:]))
    assert await whole(store, KEY) == content


# --- who may read and where it lies


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077, 0o277, 0o777])
async def test_only_the_owner_has_rights_whatever_the_umask(
    root: Path, umask: Callable[[int], None], mask: int
):
    umask(mask)
    store = FilesystemBlobStore(root)
    await store.put(KEY, pieces(b"coat"))
    umask(0o022)
    for directory in (root, root / "blobs", root / "tmp", root / "blobs/ab"):
        assert mode(directory) == 0o700
    assert mode(store.path(KEY)) == 0o600


async def test_a_blob_is_nobody_elses_from_its_first_byte(
    store: FilesystemBlobStore, fs: RecordingFs, umask: Callable[[int], None]
):
    umask(0)
    modes: list[int] = []
    fs.hook = lambda op: modes.append(mode(op.path)) if op.name == "write" else None
    await store.put(KEY, pieces(*[bytes(BATCH)] * 2))
    assert modes == [0o600, 0o600]


def test_directories_open_to_others_are_closed_to_them(root: Path):
    for name in ("blobs", "tmp"):
        (root / name).mkdir(parents=True)
        (root / name).chmod(0o777)
    FilesystemBlobStore(root)
    assert mode(root / "blobs") == mode(root / "tmp") == 0o700


@pytest.mark.parametrize("unfit", ["relative/root", "/", "/tmp/..", "."])
def test_a_root_that_cannot_be_right_is_refused(unfit: str):
    with pytest.raises(ValueError, match="directory"):
        FilesystemBlobStore(Path(unfit))


def test_a_root_in_a_directory_that_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        FilesystemBlobStore(tmp_path / "not mounted" / "blobs")
    assert list(tmp_path.iterdir()) == []


def test_a_root_that_is_a_file_is_refused(root: Path):
    root.write_bytes(b"")
    with pytest.raises(ValueError, match="not a directory"):
        FilesystemBlobStore(root)


@pytest.mark.parametrize("name", ["blobs", "tmp"])
def test_a_symbolic_link_in_place_of_a_directory_is_refused(root: Path, tmp_path: Path, name: str):
    root.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (root / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="not a directory"):
        FilesystemBlobStore(root)


@pytest.mark.parametrize("name", ["blobs", "tmp"])
def test_directories_on_different_file_systems_are_refused(
    root: Path, monkeypatch: pytest.MonkeyPatch, name: str
):
    monkeypatch.setattr(module, "_device", lambda path: 2 if path.name == name else 1)
    with pytest.raises(ValueError, match="not on the file system"):
        FilesystemBlobStore(root)


def test_a_root_may_be_reached_through_a_symbolic_link(root: Path, tmp_path: Path):
    root.mkdir()
    (tmp_path / "alias").symlink_to(root)
    store = FilesystemBlobStore(tmp_path / "alias")
    assert store.path(KEY) == root / "blobs/ab" / KEY


async def test_a_symbolic_link_in_place_of_a_shard_is_not_followed(
    store: FilesystemBlobStore, root: Path, tmp_path: Path
):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / KEY).write_bytes(b"secret")
    (root / "blobs/ab").symlink_to(elsewhere)
    with pytest.raises(Unavailable):
        await store.put(KEY, pieces(b"coat"))
    with pytest.raises(Unavailable):
        await whole(store, KEY)
    with pytest.raises(Unavailable):
        await store.size(KEY)
    with pytest.raises(Unavailable):
        await store.delete(KEY)
    with pytest.raises(Unavailable):
        await listed(store)
    assert files_below(elsewhere) == [elsewhere / KEY]
    assert files_below(root / "tmp") == []


async def test_a_symbolic_link_in_place_of_a_blob_is_not_followed(
    store: FilesystemBlobStore, root: Path, tmp_path: Path
):
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    (root / "blobs/ab").mkdir()
    store.path(KEY).symlink_to(secret)
    with pytest.raises(Unavailable):
        await whole(store, KEY)
    with pytest.raises(Unavailable):
        await store.size(KEY)
    with pytest.raises(BlobExists):
        await store.put(KEY, pieces(b"coat"))
    assert secret.read_bytes() == b"secret"


async def test_a_path_is_that_of_the_blob_itself(store: FilesystemBlobStore, root: Path):
    await store.put(KEY, pieces(b"coat"))
    assert store.path(KEY) == root / "blobs/ab" / KEY
    assert store.path(KEY).read_bytes() == b"coat"
    with pytest.raises(ValueError, match="key"):
        store.path(BlobKey("../../etc/passwd"))


async def test_what_is_not_a_blob_is_not_listed(store: FilesystemBlobStore, root: Path):
    await store.put(KEY, pieces(b"coat"))
    (root / "blobs/lost+found").mkdir()
    (root / "blobs/README").write_bytes(b"")
    (root / "blobs/ab/notes").write_bytes(b"")
    (root / "blobs/ab" / ("cd" + "0" * 30)).write_bytes(b"in a shard not its own")
    assert await listed(store) == [KEY]
    assert await listed(store, "cd") == []


# --- when the disk fails


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, StorageFull),
        (errno.EDQUOT, StorageFull),
        (errno.EIO, Unavailable),
        (errno.EROFS, Unavailable),
        (errno.EMFILE, Unavailable),
        (errno.ENFILE, Unavailable),
        (errno.EACCES, Unavailable),
        (errno.ESTALE, Unavailable),
    ],
)
@pytest.mark.parametrize("call", ["create", "write", "fsync", "link"])
async def test_a_failing_disk_is_an_error_of_ours_with_its_cause(
    store: FilesystemBlobStore,
    fs: RecordingFs,
    root: Path,
    number: int,
    kind: type[Unavailable],
    call: str,
):
    fs.hook = raising(number, lambda op: op.name == call)
    with pytest.raises(Unavailable) as caught:
        await store.put(KEY, pieces(*[bytes(BATCH)] * 3))
    assert type(caught.value) is kind
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == number
    assert caught.value.facts["retry_after"] > 0
    assert str(root) not in caught.value.detail
    assert files_below(root) == []


async def test_whichever_call_of_a_put_fails_nothing_is_left(root: Path, fs: RecordingFs):
    """The nth system call fails, for every n, until a put meets no failure any more."""
    store = FilesystemBlobStore(root, fs=fs)
    before = descriptors()
    failed: list[Op] = []
    for nth in range(1, 100):
        key = BlobKey(f"{nth:02x}" + "0" * 30)
        fs.ops.clear()
        fs.hook = raising(errno.EIO, the_nth_of(fs, nth))
        try:
            await store.put(key, pieces(*[bytes(BATCH)] * 2, b"the end"))
        except Unavailable:
            failed.append(fs.ops[nth - 1])
            assert files_below(root) == []
            assert descriptors() == before
            # After a failed sync the kernel may call the same pages clean: asking again would lie.
            synced = [op.path for op in fs.ops if op.name == "fsync"]
            assert len(synced) == len(set(synced))
            fs.hook = lambda _op: None
            with pytest.raises(BlobMissing):
                await store.size(key)
        else:
            break
    assert len(fs.ops) < nth
    kinds = {op.name for op in failed}
    assert kinds == {"create", "write", "fsync", "mkdir", "open", "link", "unlink", "close"}
    assert sum(op.name == "fsync" for op in failed) == 3


async def test_what_a_dead_disk_keeps_from_being_removed_is_found_by_the_sweeps(
    root: Path, fs: RecordingFs
):
    """From the nth system call on all of them fail; then the disk is back."""
    store = FilesystemBlobStore(root, fs=fs)
    before = descriptors()
    for nth in range(1, 100):
        key = BlobKey(f"{nth:02x}" + "0" * 30)
        fs.ops.clear()
        fs.hook = raising(errno.EIO, from_the_nth_of(fs, nth))
        try:
            await store.put(key, pieces(*[bytes(BATCH)] * 2, b"the end"))
        except Unavailable:
            assert descriptors() == before
            fs.hook = lambda _op: None
            await store.sweep_leftovers(older_than=-60)
            await store.delete(key)
            assert files_below(root) == []
        else:
            break
    assert len(fs.ops) < nth


@pytest.mark.parametrize("call", ["open", "pread"])
async def test_a_blob_that_cannot_be_read_is_not_called_missing(
    store: FilesystemBlobStore, fs: RecordingFs, call: str
):
    await store.put(KEY, pieces(bytes(MIB)))
    before = descriptors()
    fs.hook = raising(errno.EIO, lambda op: op.name == call)
    with pytest.raises(Unavailable):
        await whole(store, KEY)
    assert descriptors() == before


async def test_a_deletion_that_was_not_synced_has_not_happened(
    store: FilesystemBlobStore, fs: RecordingFs
):
    await store.put(KEY, pieces(b"coat"))
    fs.hook = raising(errno.EIO, lambda op: op.name == "fsync")
    with pytest.raises(Unavailable):
        await store.delete(KEY)
    fs.hook = lambda _op: None
    await store.delete(KEY)


async def test_an_error_of_the_sender_that_looks_like_one_of_the_disk_stays_what_it_is(
    store: FilesystemBlobStore,
):
    async def sender() -> AsyncIterator[bytes]:
        yield b"half"
        raise OSError(errno.ENOSPC, "on the sender's side")

    with pytest.raises(OSError, match="sender's side"):
        await store.put(KEY, sender())


async def test_a_full_disk_is_noticed_long_before_the_sender_is_done(
    store: FilesystemBlobStore, fs: RecordingFs
):
    sent = 0

    async def sender() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield bytes(BATCH)

    fs.hook = raising(errno.ENOSPC, lambda op: op.name == "write")
    with pytest.raises(StorageFull):
        await store.put(KEY, sender())
    assert sent == 2


# --- cancellation


class Canceller:
    """As a hook, has `task` cancelled during the calls that are due, and the loop take notice."""

    def __init__(self, due: Callable[[Op], bool]) -> None:
        self.task: asyncio.Task[Any] | None = None
        self._due = due
        self._loop = asyncio.get_running_loop()

    def __call__(self, op: Op) -> None:
        if self.task is not None and self._due(op):
            noticed = Event()
            self._loop.call_soon_threadsafe(self.task.cancel)
            # Two turns later the cancellation has reached whatever the task waits for.
            self._loop.call_soon_threadsafe(self._loop.call_soon, noticed.set)
            noticed.wait()


async def test_a_put_cancelled_during_any_of_its_calls_leaves_nothing(root: Path, fs: RecordingFs):
    """Cancelled during the nth system call, for every n, until there are no more calls."""
    store = FilesystemBlobStore(root, fs=fs)
    before = descriptors()
    cancelled: set[str] = set()
    for nth in range(1, 100):
        key = BlobKey(f"{nth:02x}" + "0" * 30)
        fs.ops.clear()
        fs.hook = canceller = Canceller(the_nth_of(fs, nth))
        canceller.task = asyncio.create_task(
            store.put(key, pieces(*[bytes(BATCH)] * 2, b"the end"))
        )
        try:
            await canceller.task
        except asyncio.CancelledError:
            cancelled.add(fs.ops[nth - 1].name)
            assert files_below(root) == []
            assert descriptors() == before
        else:
            break
    assert len(fs.ops) < nth
    assert cancelled == {"create", "write", "fsync", "mkdir", "open", "link", "unlink", "close"}


async def test_cancelled_again_and_again_it_still_cleans_up(root: Path, fs: RecordingFs):
    store = FilesystemBlobStore(root, fs=fs)
    before = descriptors()
    fs.hook = canceller = Canceller(lambda _op: True)
    canceller.task = asyncio.create_task(store.put(KEY, pieces(*[bytes(BATCH)] * 3)))
    with pytest.raises(asyncio.CancelledError):
        await canceller.task
    assert files_below(root) == []
    assert descriptors() == before


async def test_a_descriptor_is_not_closed_under_a_write_in_flight(
    store: FilesystemBlobStore, fs: RecordingFs
):
    """Its number would go to another upload's file, and the rest of the write with it."""
    writing, go_on = Event(), Event()
    finished: list[int] = []

    def hook(op: Op) -> None:
        if op.name == "write":
            writing.set()
            go_on.wait()
            finished.append(len(fs.ops))

    fs.hook = hook
    silent = asyncio.Event()

    async def falling_silent() -> AsyncIterator[bytes]:
        yield bytes(BATCH)
        silent.set()
        await asyncio.Event().wait()

    put = asyncio.create_task(store.put(KEY, falling_silent()))
    await silent.wait()
    await asyncio.to_thread(writing.wait)
    put.cancel()
    for _ in range(50):
        await asyncio.sleep(0)
    assert not put.done()
    assert [op.name for op in fs.ops] == ["create", "write"]
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await put
    assert finished == [2]
    assert [op.name for op in fs.ops] == ["create", "write", "close", "unlink"]


async def test_a_deadline_during_the_last_sync_is_met_and_nothing_is_stored(
    store: FilesystemBlobStore, fs: RecordingFs, root: Path
):
    loop = asyncio.get_running_loop()
    deadline = asyncio.timeout(None)

    def hook(op: Op) -> None:
        if op.name == "fsync" and op.path == root / "blobs/ab":
            passed = Event()
            loop.call_soon_threadsafe(deadline.reschedule, loop.time())
            loop.call_soon_threadsafe(loop.call_soon, loop.call_soon, passed.set)
            passed.wait()

    fs.hook = hook
    with pytest.raises(TimeoutError):
        async with deadline:
            await store.put(KEY, pieces(b"coat"))
    assert files_below(root) == []


async def test_a_read_cancelled_during_a_call_closes_its_file(
    store: FilesystemBlobStore, fs: RecordingFs
):
    await store.put(KEY, pieces(bytes(2 * MIB)))
    before = descriptors()
    for call in ("open", "pread"):
        fs.hook = canceller = Canceller(the_call(call))
        canceller.task = asyncio.create_task(whole(store, KEY))
        with pytest.raises(asyncio.CancelledError):
            await canceller.task
        fs.hook = lambda _op: None
        assert descriptors() == before


async def test_a_reader_that_stops_early_closes_its_file(store: FilesystemBlobStore):
    await store.put(KEY, pieces(bytes(2 * MIB)))
    before = descriptors()
    async with aclosing(cast(Any, store.read(KEY))) as reading:
        await anext(reading)
        assert descriptors() == before + 1
    assert descriptors() == before


async def test_a_short_blob_is_closed_before_its_reader_sees_it(store: FilesystemBlobStore):
    await store.put(KEY, pieces(b"coat"))
    before = descriptors()
    async for _ in store.read(KEY):
        assert descriptors() == before


async def test_a_blob_deleted_under_its_reader_is_read_to_its_end(store: FilesystemBlobStore):
    content = pattern(1, 2 * MIB)
    await store.put(KEY, pieces(content))
    reading = aiter(store.read(KEY))
    read = await anext(reading)
    await store.delete(KEY)
    read += b"".join([piece async for piece in reading])
    assert read == content


async def test_aborted_puts_leak_no_descriptors_and_no_files(root: Path):
    store = FilesystemBlobStore(root)
    before = descriptors()

    async def breaking_off(number: int) -> AsyncIterator[bytes]:
        for _ in range(number % 3):
            yield bytes(BATCH // 2)
        raise ConnectionResetError

    for start in range(0, 500, 25):
        outcomes = await asyncio.gather(
            *(store.put(new_blob_key(), breaking_off(start + each)) for each in range(25)),
            return_exceptions=True,
        )
        assert all(isinstance(outcome, ConnectionResetError) for outcome in outcomes)
    assert descriptors() == before
    assert files_below(root) == []


@pytest.mark.parametrize("seed", range(3))
async def test_no_byte_strays_into_another_blob_while_every_other_upload_is_cancelled(
    root: Path, seed: int
):
    chance = random.Random(seed)
    store = FilesystemBlobStore(root)
    before = descriptors()
    size = 5 * BATCH // 2
    keys = [new_blob_key() for _ in range(64)]

    async def sender(number: int, cut_at: int | None) -> AsyncIterator[bytes]:
        content = pattern(number, size)
        for at in range(0, size, 128 * 1024):
            if cut_at is not None and at >= cut_at:
                asyncio.get_running_loop().call_soon(puts[number].cancel)
                cut_at = None
            yield content[at : at + 128 * 1024]
            if chance.random() < 0.3:
                await asyncio.sleep(0)

    puts: list[asyncio.Task[int]] = []
    for number, key in enumerate(keys):
        cut_at = chance.randrange(size) if number % 2 else None
        puts.append(asyncio.create_task(store.put(key, sender(number, cut_at))))
    outcomes = await asyncio.gather(*puts, return_exceptions=True)

    assert outcomes[::2] == [size] * 32
    stored = set(await listed(store))
    assert stored >= set(keys[::2])
    for number, key in enumerate(keys):
        if isinstance(outcomes[number], int):
            assert store.path(key).read_bytes() == pattern(number, size)
        else:
            assert isinstance(outcomes[number], asyncio.CancelledError)
            assert key not in stored
    assert sum(isinstance(outcome, int) for outcome in outcomes) == len(stored)
    assert files_below(root / "tmp") == []
    assert descriptors() == before


async def test_memory_does_not_grow_with_the_blob(store: FilesystemBlobStore, fs: RecordingFs):
    fs.hook = lambda _op: fs.ops.clear()  # which would keep all that was written

    async def sender(length: int) -> AsyncIterator[bytes]:
        for _ in range(length):
            yield bytes(MIB)

    tracemalloc.start()
    try:
        await store.put(KEY, sender(24))
        async for _ in store.read(KEY):
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 6 * MIB


# --- leftovers


def abandon(root: Path, name: str, age: float) -> Path:
    """What a writer that died `age` seconds before the epoch's 1,000,000th second left."""
    leftover = root / "tmp" / name
    leftover.write_bytes(b"half")
    os.utime(leftover, (1_000_000 - age, 1_000_000 - age))
    return leftover


async def test_leftovers_are_swept_when_they_are_old_enough(root: Path):
    store = FilesystemBlobStore(root, wall=lambda: 1_000_000.0)
    old = abandon(root, KEY + "." + "0" * 16, age=901)
    young = abandon(root, KEY + "." + "1" * 16, age=899)
    assert await store.sweep_leftovers(older_than=900) == 1
    assert not old.exists()
    assert young.exists()
    assert await store.sweep_leftovers(older_than=800) == 1
    assert await store.sweep_leftovers(older_than=800) == 0


async def test_a_sweep_touches_nothing_a_writer_did_not_make(root: Path, tmp_path: Path):
    store = FilesystemBlobStore(root, wall=lambda: 1_000_000.0)
    await store.put(KEY, pieces(b"coat"))
    note = abandon(root, "README", age=9999)
    (tmp_path / "elsewhere").write_bytes(b"")
    link = root / "tmp" / (KEY + "." + "2" * 16)
    link.symlink_to(tmp_path / "elsewhere")
    os.utime(link, (0, 0), follow_symlinks=False)
    (root / "tmp" / (KEY + "." + "3" * 16)).mkdir()
    assert await store.sweep_leftovers(older_than=-2_000_000_000) == 0
    assert note.exists()
    assert link.is_symlink()
    assert await whole(store, KEY) == b"coat"


async def test_a_leftover_that_cannot_be_removed_does_not_shield_the_others(
    root: Path, fs: RecordingFs
):
    store = FilesystemBlobStore(root, fs=fs, wall=lambda: 1_000_000.0)
    stuck, *others = [abandon(root, f"{KEY}.{number:016x}", age=999) for number in range(3)]
    fs.hook = raising(errno.EPERM, lambda op: op == Op("unlink", stuck))
    with pytest.raises(Unavailable):
        await store.sweep_leftovers(older_than=900)
    assert stuck.exists()
    assert not any(other.exists() for other in others)


async def test_the_file_of_a_writer_that_lives_is_not_swept_however_slow_it_is(
    store: FilesystemBlobStore, root: Path
):
    silent, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield bytes(BATCH)
        yield bytes(BATCH)
        silent.set()
        await go_on.wait()
        yield b"the end"

    put = asyncio.create_task(store.put(KEY, slow()))
    await silent.wait()
    (beside,) = files_below(root / "tmp")
    os.utime(beside, (0, 0))
    another_process = FilesystemBlobStore(root)
    assert await another_process.sweep_leftovers(older_than=0) == 0
    go_on.set()
    assert await put == 2 * BATCH + 7


async def test_a_leftover_of_a_crash_between_the_two_names_is_swept_and_the_blob_stays(
    store: FilesystemBlobStore, root: Path
):
    await store.put(KEY, pieces(b"coat"))
    os.link(store.path(KEY), root / "tmp" / (KEY + "." + "0" * 16))
    assert await store.sweep_leftovers(older_than=-60) == 1
    assert await whole(store, KEY) == b"coat"


async def test_a_file_swept_from_under_its_writer_fails_the_put_and_stores_nothing(
    store: FilesystemBlobStore, fs: RecordingFs, root: Path
):
    """As a person might who tidies up, heeding no lock."""

    def hook(op: Op) -> None:
        if op.name == "link":
            cast(Path, op.source).unlink()

    fs.hook = hook
    with pytest.raises(Unavailable):
        await store.put(KEY, pieces(b"coat"))
    assert files_below(root) == []


async def test_a_written_file_is_locked_until_it_has_its_name(
    store: FilesystemBlobStore, fs: RecordingFs
):
    locked: list[str] = []

    def hook(op: Op) -> None:
        if op.name in {"write", "fsync", "link"}:
            beside = fs.ops[0].path
            with beside.open("rb") as other, pytest.raises(BlockingIOError):
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            locked.append(op.name)
        if op.name == "link":
            fs.hook = lambda _op: None

    fs.hook = hook
    await store.put(KEY, pieces(b"coat"))
    assert locked == ["write", "fsync", "fsync", "link"]
