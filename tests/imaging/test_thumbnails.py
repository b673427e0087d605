"""The child process and its limits."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import resource
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest

from coatcheck.domain.derivative import Derivative
from coatcheck.domain.errors import Corrupt, Unavailable
from coatcheck.imaging import thumbnails
from coatcheck.imaging.thumbnails import MAX_SOURCE, ChildImaging, NoImaging, open_imaging
from tests import pictures
from tests.pictures import NEVER_OPENED, opened, picture

MANY = 50_000_000


@pytest.fixture(autouse=True)
def _no_child_is_left() -> Iterator[None]:
    before = set(psutil.Process().children(recursive=True))  # servers of other tests
    yield
    assert set(psutil.Process().children(recursive=True)) <= before


async def in_pieces(data: bytes, size: int = 64 * 1024) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        await asyncio.sleep(0)
        yield data[at : at + size]


async def made(data: bytes, imaging: ChildImaging | None = None) -> Derivative | None:
    return await (imaging or ChildImaging(max_pixels=MANY)).thumbnail(in_pieces(data))


def children_cpu() -> float:
    """Seconds of a processor that children have used which are gone."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextlib.asynccontextmanager
async def a_responsive_loop(longest: float) -> AsyncIterator[None]:
    """Raises AssertionError when other tasks had to wait longer than that, in seconds, for their turn."""
    gaps: list[float] = []

    async def tick() -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0.005)
            now = time.perf_counter()
            gaps.append(now - last)
            last = now

    ticking = asyncio.create_task(tick())
    try:
        yield
    finally:
        ticking.cancel()
    assert len(gaps) > 10
    assert max(gaps) < longest


async def test_a_picture_is_made_into_a_small_one() -> None:
    result = await made(pictures.noise((900, 600)))
    assert result is not None
    assert result.media_type == "image/jpeg"
    assert opened(result.content).size == (256, 171)


async def test_transparency_makes_it_a_png() -> None:
    result = await made(picture("png-alpha"))
    assert result is not None
    assert result.media_type == "image/png"


@pytest.mark.parametrize(
    "data",
    [
        NEVER_OPENED["svg"],
        NEVER_OPENED["nothing"],
        picture("jpeg")[:400],
        pictures.moving("GIF"),
        pictures.png_header(60_000, 60_000),
    ],
)
async def test_of_what_cannot_be_made_into_one_there_is_none(data: bytes) -> None:
    assert await made(data) is None


async def test_the_largest_that_is_taken_on_fits_into_the_memory_that_it_gets() -> None:
    result = await made(pictures.flat_png(7_040, 7_040))
    assert result is not None
    assert opened(result.content).size == (256, 256)


async def test_a_picture_that_takes_too_much_memory_is_the_end_of_its_child_only() -> None:
    data = pictures.flat_png(7_040, 7_040)
    small = ChildImaging(max_pixels=MANY, memory=160 * 1024 * 1024)
    assert await made(data, small) is None
    assert await made(picture("jpeg"), small) is not None


async def test_a_picture_that_takes_too_long_is_stopped_while_others_have_their_turn() -> None:
    bomb = pictures.scan_bomb(1000)  # 90 kB, more than ten seconds
    assert len(bomb) < 100_000
    before = children_cpu()
    async with a_responsive_loop(0.5):
        assert await made(bomb, ChildImaging(max_pixels=MANY, seconds=1, patience=50)) is None
    assert 0.5 < children_cpu() - before < 3


async def test_a_child_waits_for_its_bytes_only_so_long() -> None:
    async def stalling() -> AsyncIterator[bytes]:
        yield picture("jpeg")[:100]
        await asyncio.Event().wait()

    with pytest.raises(Unavailable):
        await ChildImaging(max_pixels=MANY, patience=0.3).thumbnail(stalling())


async def test_bytes_that_cannot_be_read_are_the_readers_error() -> None:
    async def breaking() -> AsyncIterator[bytes]:
        yield picture("jpeg")[:100]
        raise Corrupt

    with pytest.raises(Corrupt):
        await ChildImaging(max_pixels=MANY).thumbnail(breaking())


async def test_one_that_nobody_waits_for_any_more_is_stopped() -> None:
    bomb = pictures.scan_bomb(1000)
    task = asyncio.create_task(made(bomb))
    async with asyncio.timeout(10):
        while not psutil.Process().children():
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Runs instead of the decoder, as one does that has been taken over."""
    path = tmp_path / "program.py"
    monkeypatch.setattr(thumbnails, "_PROGRAM", str(path))
    return path


@pytest.mark.parametrize(
    "answer",
    [
        b"<html><script>alert(1)</script>",
        b"",
        pictures.png_header(4_000, 40),
        pictures.png_header(0, 0),
        b"\xff\xd8\xff<script>",
        picture("gif"),
        picture("png") + bytes(1024 * 1024),
    ],
)
async def test_an_answer_that_is_no_thumbnail_is_not_believed(
    program: Path, answer: bytes, tmp_path: Path
) -> None:
    (tmp_path / "answer").write_bytes(answer)
    program.write_text(
        f"import sys; sys.stdin.buffer.read()\n"
        f"sys.stdout.buffer.write(open({str(tmp_path / 'answer')!r}, 'rb').read())"
    )
    assert await made(picture("jpeg")) is None


async def test_an_answer_without_an_end_is_cut_off(program: Path) -> None:
    program.write_text(
        "import sys; sys.stdin.buffer.read()\nwhile 1: sys.stdout.buffer.write(bytes(65536))"
    )
    assert await made(picture("jpeg")) is None


async def test_a_child_that_dies_before_it_has_read_everything_means_none(program: Path) -> None:
    program.write_text("raise SystemExit(1)")
    assert await made(bytes(4 * 1024 * 1024)) is None


async def test_a_child_inherits_neither_environment_nor_descriptors(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COATCHECK_DATABASE_URL", "postgresql://ann:secret@db/coatcheck")
    found = tmp_path / "found"
    program.write_text(
        "import json, os, sys\n"
        "open_ones = []\n"
        "for number in range(256):\n"
        "    try: os.fstat(number)\n"
        "    except OSError: continue\n"
        "    open_ones.append(number)\n"
        "found = [dict(os.environ), open_ones, os.getcwd(), os.getsid(0)]\n"
        f"open({str(found)!r}, 'w').write(json.dumps(found))\n"
    )
    inheritable, other = os.pipe()
    try:
        assert await made(b"") is None
    finally:
        os.close(inheritable)
        os.close(other)
    environment, descriptors, directory, session = json.loads(found.read_text())
    assert environment.keys() <= {"LC_CTYPE"}, "which Python sets by itself"
    assert descriptors == [0, 1, 2]
    assert directory == "/"
    assert session != os.getsid(0)


async def test_a_process_that_cannot_be_started_means_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(Unavailable):
        await made(picture("jpeg"))


def test_what_is_taken_on_has_a_limit_in_pixels_and_in_bytes() -> None:
    imaging = ChildImaging(max_pixels=1200)
    assert imaging.accepts(40, 30, 1)
    assert not imaging.accepts(41, 30, 1)
    assert imaging.accepts(40, 30, MAX_SOURCE)
    assert not imaging.accepts(40, 30, MAX_SOURCE + 1)
    assert not imaging.accepts(2**31 - 1, 2**31 - 1, 1)


async def test_without_pillow_or_by_the_operators_wish_there_are_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert isinstance(open_imaging(MANY), ChildImaging)
    assert isinstance(open_imaging(0), NoImaging)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    without = open_imaging(MANY)
    assert not without.accepts(1, 1, 1)
    assert await without.thumbnail(in_pieces(picture("jpeg"))) is None
