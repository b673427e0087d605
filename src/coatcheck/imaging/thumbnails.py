"""Thumbnails: a child process for each, which is given the bytes, a time and a memory, and nothing else."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import sys
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from coatcheck.domain.derivative import Derivative
from coatcheck.domain.errors import Unavailable
from coatcheck.domain.media_type import sniff
from coatcheck.imaging.decoding import SIDE
from coatcheck.imaging.dimensions import HeaderProbe

log = logging.getLogger(__name__)

#: Largest file of which one is made: the child holds it in memory.
MAX_SOURCE = 32 * 1024 * 1024

# Interpreter, Pillow and the largest file.
_MEMORY_BASE = 128 * 1024 * 1024
# A decoded pixel takes 4, and some pictures have to be converted, or rotated, into another copy.
_MEMORY_PER_PIXEL = 8

# 256 × 256 pixels of noise, uncompressed, are smaller.
_MAX_THUMBNAIL = 512 * 1024

_PROGRAM = str(Path(__file__).with_name("decoding.py"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildImaging:
    """`max_pixels` of the picture. `seconds` of a processor, and `patience` in all, waiting and reading included."""

    max_pixels: int
    seconds: int = 10
    patience: float = 30
    memory: int | None = None

    def accepts(self, width: int, height: int, size: int) -> bool:
        return width * height <= self.max_pixels and size <= MAX_SOURCE

    async def thumbnail(self, picture: AsyncIterator[bytes]) -> Derivative | None:
        """A JPEG or PNG of at most 256 × 256 pixels, or None of bytes that do not let themselves be made into one.

        Raises Unavailable when it takes too long without being the picture's fault, and what `picture` raises.
        """
        async with aclosing(_Child(await self._start())) as child:
            try:
                async with asyncio.timeout(self.patience):
                    made = await child.convert(picture)
            except TimeoutError:
                raise Unavailable("Making the thumbnail took too long.", retry_after=10) from None
        return _believed(made) if made else None

    async def _start(self) -> Process:
        memory = self.memory or _MEMORY_BASE + _MEMORY_PER_PIXEL * self.max_pixels
        try:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-B", _PROGRAM),  # no paths, sites or variables of the user
                *(str(self.max_pixels), str(memory), str(self.seconds)),
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL,
                cwd="/",
                env={},
                start_new_session=True,  # a Ctrl-C in the terminal is not for it
            )
        except OSError as error:
            raise Unavailable("No process could be started.", retry_after=10) from error


class NoImaging:
    """Where Pillow is not installed, or the operator wants no thumbnails."""

    def accepts(self, width: int, height: int, size: int) -> bool:
        return False

    async def thumbnail(self, picture: AsyncIterator[bytes]) -> Derivative | None:
        return None


def open_imaging(max_pixels: int) -> ChildImaging | NoImaging:
    """For pictures of up to that many pixels; 0 is none at all."""
    if not max_pixels:
        return NoImaging()
    if importlib.util.find_spec("PIL") is None:
        log.info(
            "Pillow is not installed, so there are no thumbnails: they need the extra `images`,"
            " pip install -c constraints.txt '.[images]' in a checkout"
        )
        return NoImaging()
    return ChildImaging(max_pixels=max_pixels)


class _Child:
    """The process and its pipes. Nothing of it is left after `aclose`."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._in = cast(StreamWriter, process.stdin)
        self._out = cast(StreamReader, process.stdout)

    async def convert(self, picture: AsyncIterator[bytes]) -> bytes | None:
        """What it makes of the picture; None where it fails, or is stopped by one of its limits."""
        async for data in picture:
            self._in.write(data)
            try:
                await self._in.drain()
            except ConnectionError:  # it is gone before the end
                break
        self._in.close()
        made = b""
        while data := await self._out.read(_MAX_THUMBNAIL):
            made += data
            if len(made) > _MAX_THUMBNAIL:
                log.warning("the decoder wrote more than any thumbnail is")
                return None
        status = await self._process.wait()
        if status == 0:
            return made
        log.info("a picture was not made into a thumbnail: status %s", status)
        return None

    async def aclose(self) -> None:
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()
        self._in.close()
        # Its end is not seen before that of its pipes, and that not before what is in them has been read.
        while await self._out.read(_MAX_THUMBNAIL):
            pass
        await self._process.wait()


def _believed(made: bytes) -> Derivative | None:
    """It is served as it is, so that it has to be what it should be even where a decoder was taken over."""
    media_type = sniff(made)
    probe = HeaderProbe()
    probe.feed(made)
    if media_type not in ("image/jpeg", "image/png") or max(probe.dimensions or (SIDE + 1,)) > SIDE:
        log.warning("the decoder handed back something else than a thumbnail")
        return None
    return Derivative(media_type, made)
