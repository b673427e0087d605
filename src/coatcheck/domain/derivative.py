"""What was made of an attachment's bytes, such as a thumbnail: kept beside it, and gone with it."""

from __future__ import annotations

from dataclasses import dataclass

THUMBNAIL = "thumbnail"


@dataclass(frozen=True, slots=True)
class Derivative:
    media_type: str
    content: bytes
