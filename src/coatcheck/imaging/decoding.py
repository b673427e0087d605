"""The only code that decodes a picture: a program of its own, run once for each, under limits that it sets itself.

    python -I decoding.py MAX_PIXELS MEMORY SECONDS <picture >thumbnail

Status 0 means that the thumbnail, a JPEG or a PNG, was written. It is started by its path and imports nothing of
ours, so that a decoder that has been taken over finds neither settings nor secrets.
"""

from __future__ import annotations

import io
import os
import resource
import sys
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

#: Pixels of a thumbnail's longer side.
SIDE = 256

# Nothing that runs another program (EPS), and nothing that few have ever tried to break.
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP")

# What undoes an EXIF orientation.
_TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}

# Of these, each frame is as large as the whole: they may move. (A JPEG's second picture is a preview or a depth map.)
_MOVING = ("PNG", "GIF", "WEBP")


def thumbnail(picture: bytes, max_pixels: int) -> bytes:
    """A small upright copy with nothing but pixels in it. Raises whatever Pillow raises, or ValueError."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = max_pixels
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    with Image.open(io.BytesIO(picture), formats=FORMATS) as image:
        if image.width * image.height > max_pixels:
            raise ValueError("too many pixels")
        if image.format in _MOVING and getattr(image, "is_animated", False):
            raise ValueError("moving pictures")
        image.draft("RGB", (SIDE, SIDE))  # a JPEG is decoded at a fraction of its size
        mode = "RGBA" if image.has_transparency_data else "RGB"
        # A palette cannot be blended; everything else is made small first, in its own mode.
        small = image.convert(mode) if image.mode in ("1", "P", "PA") else image
        small.thumbnail((SIDE, SIDE))
        if small.mode.startswith("I"):  # 16 bits of grey: a conversion would cut off the light
            small = small.point(lambda value: value / 256)
        turn = _TURNS.get(_orientation(image))
        upright = (small if turn is None else small.transpose(Image.Transpose[turn])).convert(mode)
    upright.info.clear()  # profiles, comments, places
    written = io.BytesIO()
    if mode == "RGBA":
        upright.save(written, "PNG", optimize=True)
    else:
        upright.save(written, "JPEG", quality=80, optimize=True)
    return written.getvalue()


def _orientation(image: Image.Image) -> int:
    """By its EXIF, of which a good part of the world's is broken."""
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:
        return 1


def _confine(memory: int, seconds: int) -> None:
    """`memory` in bytes of address space. Uploads come first wherever they compete for a processor."""
    os.nice(5)
    for limit, most in (
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        _lower(limit, most)
    if sys.platform == "linux":  # elsewhere the kernel knows no such limit, or does not keep it
        _lower(resource.RLIMIT_AS, memory)


def _lower(limit: int, most: int) -> None:
    _, ceiling = resource.getrlimit(limit)
    most = most if ceiling == resource.RLIM_INFINITY else min(most, ceiling)
    resource.setrlimit(limit, (most, most))


def main(max_pixels: str, memory: str, seconds: str) -> int:
    """The exit status."""
    _confine(int(memory), int(seconds))
    try:
        made = thumbnail(sys.stdin.buffer.read(), int(max_pixels))
    except Exception:  # of a hostile file anything may come, and all of it means the same
        return 1
    sys.stdout.buffer.write(made)
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
