"""A blob that somebody else may store, for one part of an upload."""

from __future__ import annotations

from dataclasses import dataclass

from coatcheck.domain.attachment import Attachment
from coatcheck.domain.intent import Intent
from coatcheck.domain.ranges import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """For the bytes [start, start+size). `intent` is held by the upload itself: its lease is the upload's public id."""

    start: int
    size: int
    intent: Intent


def cut(upload: Attachment) -> list[Span]:
    """The parts that an upload was announced to come in, in order: all of one size, the last one as much as is left."""
    step = upload.part_size or upload.size
    return [Span(at, min(at + step, upload.size)) for at in range(0, upload.size, step)]
