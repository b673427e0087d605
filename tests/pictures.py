"""Pictures for tests: honest ones of every format, and such as nobody would send who means well."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache
from typing import Any

from PIL import Image

#: Drawn by Pillow: (format, mode, options of its writer).
DRAWN: dict[str, tuple[str, str, dict[str, Any]]] = {
    "png": ("PNG", "RGB", {}),
    "png-alpha": ("PNG", "RGBA", {}),
    "png-grey16": ("PNG", "I;16", {}),
    "png-bits": ("PNG", "1", {}),
    "jpeg": ("JPEG", "RGB", {}),
    "jpeg-progressive": ("JPEG", "RGB", {"progressive": True}),
    "jpeg-cmyk": ("JPEG", "CMYK", {}),
    "jpeg-large-header": ("JPEG", "RGB", {"exif": b"Exif\0\0" + bytes(65_000), "icc_profile": bytes(100_000)}),
    "gif": ("GIF", "P", {}),
    "webp": ("WEBP", "RGB", {}),
    "webp-lossless": ("WEBP", "RGB", {"lossless": True}),
    "webp-extended": ("WEBP", "RGBA", {"exif": b"Exif\0\0"}),
    "bmp": ("BMP", "RGB", {}),
}  # fmt: skip

#: Formats whose frames may follow one another.
MOVING = ("PNG", "GIF", "WEBP")


@cache
def picture(kind: str, size: tuple[int, int] = (40, 30)) -> bytes:
    """An honest one, of a kind in DRAWN."""
    format, mode, options = DRAWN[kind]
    return written(Image.new(mode, size), format, **options)


def written(image: Image.Image, format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def noise(size: tuple[int, int], format: str = "JPEG") -> bytes:
    """Nothing about it can be compressed."""
    return written(Image.effect_noise(size, 90).convert("RGB"), format)


@cache
def moving(format: str) -> bytes:
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "green", "blue")]
    return written(frames[0], format, save_all=True, append_images=frames[1:])


@cache
def with_a_second_picture() -> bytes:
    """What many a telephone makes of a photograph: a JPEG with a preview, or a depth map, behind it (MPO)."""
    first, second = Image.new("RGB", (40, 30), "red"), Image.new("RGB", (20, 15), "blue")
    return written(first, "MPO", save_all=True, append_images=[second])


# --- headers, without much behind them --------------------------------------------------------------


def png_header(width: int, height: int, bits: int = 8, colour: int = 2) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header)


def gif_header(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height) + bytes(3)


def jpeg_header(width: int, height: int, segments: bytes = b"") -> bytes:
    """`segments` come before the frame header."""
    frame = struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\x00"
    return b"\xff\xd8" + segments + jpeg_segment(0xC0, frame)


def jpeg_segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def webp_header(width: int, height: int) -> bytes:
    """Of the old, lossy form, the only one that can say 0."""
    body = bytes(3) + b"\x9d\x01\x2a" + struct.pack("<HH", width, height)
    chunk = b"VP8 " + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", len(chunk) + 4) + b"WEBP" + chunk


def bmp_header(width: int, height: int) -> bytes:
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return _bmp_file(info)


def bmp_core_header(width: int, height: int) -> bytes:
    """As OS/2 wrote them."""
    return _bmp_file(struct.pack("<IHHHH", 12, width, height, 1, 24))


def _bmp_file(info: bytes) -> bytes:
    return b"BM" + struct.pack("<IHHI", 14 + len(info), 0, 0, 14 + len(info)) + info


HEADERS = {
    "png": png_header,
    "gif": gif_header,
    "jpeg": jpeg_header,
    "webp": webp_header,
    "bmp": bmp_header,
    "bmp-core": bmp_core_header,
}


# --- bombs ------------------------------------------------------------------------------------------


@cache
def flat_png(width: int, height: int) -> bytes:
    """Transparent black: some hundred kilobytes for any number of pixels, 4 bytes each when decoded."""
    rows = (b"\x00" + bytes(4 * width)) * 64
    squeezer = zlib.compressobj(9, wbits=-15)
    block = squeezer.compress(rows) + squeezer.flush(zlib.Z_FULL_FLUSH)
    blocks, rest = divmod(height, 64)
    assert not rest
    checksum = 1
    for _ in range(blocks):
        checksum = zlib.adler32(rows, checksum)
    squeezed = b"\x78\xda" + block * blocks + squeezer.flush() + struct.pack(">I", checksum)
    return png_header(width, height, colour=6) + _chunk(b"IDAT", squeezed) + _chunk(b"IEND", b"")


@cache
def scan_bomb(scans: int) -> bytes:
    """A progressive JPEG that refines its 16 million pixels again and again: about 100 scans a second."""
    data = written(Image.new("L", (4000, 4000), 128), "JPEG", progressive=True, quality=50)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * scans + data[-2:]


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30"><script>alert(1)</script></svg>'

#: What is no picture, or of a kind that is never opened: (name, content).
NEVER_OPENED: dict[str, bytes] = {
    "svg": SVG,
    "svg-with-prolog": b'<?xml version="1.0"?>\n' + SVG,
    "mvg": b"push graphic-context\nviewbox 0 0 640 480\nfill 'url(https://127.0.0.1/\"|ls \"-la)'\npop graphic-context",
    "msl": b'<?xml version="1.0"?><image><read filename="/etc/passwd"/></image>',
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 40 30\n%%EndComments\nshowpage\n",
    "pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n",
    "text": b"BM, GIF and PNG are three formats of pictures, and this is none.",
    "nothing": b"",
    "tiff": written(Image.new("RGB", (40, 30)), "TIFF"),
    "tiff-loop": b"II*\x00\x08\x00\x00\x00\x00\x00\x08\x00\x00\x00",
    "ico": written(Image.new("RGB", (32, 32)), "ICO"),
    "ppm": written(Image.new("RGB", (40, 30)), "PPM"),
}


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
