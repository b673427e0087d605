"""What the child does with a picture, called in this process."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from coatcheck.imaging.decoding import SIDE, thumbnail
from tests import pictures
from tests.pictures import DRAWN, MOVING, NEVER_OPENED, opened, picture, written

MANY = 50_000_000

#: What Pillow raises where it cannot, or will not.
REFUSED = (
    OSError,
    SyntaxError,
    ValueError,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


@pytest.fixture(autouse=True)
def _limit_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which the child sets for itself."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)


def made(data: bytes, max_pixels: int = MANY) -> Image.Image:
    return opened(thumbnail(data, max_pixels))


@pytest.mark.parametrize("kind", DRAWN)
def test_of_every_format_one_is_made(kind: str) -> None:
    assert made(picture(kind, (600, 300))).size == (SIDE, SIDE // 2)


@pytest.mark.parametrize("kind", DRAWN)
def test_it_is_a_jpeg_unless_one_can_see_through_it(kind: str) -> None:
    small = made(picture(kind))
    transparent = DRAWN[kind][1] == "RGBA"
    assert (small.format, small.mode) == (("PNG", "RGBA") if transparent else ("JPEG", "RGB"))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "I;16", "RGB", "RGBA", "CMYK"])
def test_no_way_of_writing_pixels_is_a_surprise(mode: str) -> None:
    format = "JPEG" if mode == "CMYK" else "PNG"
    source = Image.linear_gradient("L").convert("RGB").convert(mode.replace("I;16", "L"))
    if mode == "I;16":
        source = source.convert("I").point(lambda value: value * 257).convert("I;16")
    small = made(written(source, format)).convert("L")
    assert small.size == (SIDE, SIDE)
    top, bottom = small.getpixel((128, 8)), small.getpixel((128, 248))
    assert top < 60 < 190 < bottom, "the gradient is still there"  # type: ignore[operator]


def test_a_palette_with_a_hole_in_it_stays_transparent() -> None:
    source = Image.new("P", (40, 30), 0)
    source.putpalette([255, 0, 0, 0, 255, 0])
    source.putpixel((20, 15), 1)
    for format in ("PNG", "GIF"):
        small = made(written(source, format, transparency=0))
        assert small.getpixel((0, 0))[3] == 0  # type: ignore[index]
        assert small.getpixel((20, 15)) == (0, 255, 0, 255)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1000, 500), (256, 128)),
        ((500, 1000), (128, 256)),
        ((256, 256), (256, 256)),
        ((17, 3), (17, 3)),
        ((1, 1), (1, 1)),
        ((1, 5000), (1, 256)),
        ((5000, 1), (256, 1)),
    ],
)
def test_it_keeps_its_proportions_and_never_grows(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert made(picture("png", size)).size == expected


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_stands_upright_whatever_way_the_camera_was_held(orientation: int) -> None:
    upright = Image.new("RGB", (64, 32), "white")
    upright.paste("red", (0, 0, 16, 16))  # a corner to know it by
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    for format in ("JPEG", "PNG", "WEBP"):
        small = made(written(stored, format, exif=exif.tobytes()))
        assert small.size == (64, 32)
        red, green, _ = small.getpixel((7, 7))  # type: ignore[misc]
        assert red > 200 > 100 > green


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0",
        b"Exif\0\0MM\0*",
        b"Exif\0\0II*\0\x08\0\0\0\xff\xff",
        b"Exif\0\0" + b"\xff" * 65_000,
        b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x63\0\0\0\x08\0\0\0",
    ],
)
@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_broken_exif_does_not_cost_a_picture_its_thumbnail(exif: bytes) -> None:
    assert made(written(Image.new("RGB", (40, 30)), "JPEG", exif=exif)).size == (40, 30)


def test_nothing_but_pixels_is_copied() -> None:
    exif = Image.Exif()
    exif[0x010F] = "SECRET maker"
    profile = b"SECRET profile" * 100
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "SECRET comment")
    options: dict[str, dict[str, Any]] = {
        "JPEG": {"comment": b"SECRET comment", "dpi": (301, 301)},
        "PNG": {"pnginfo": text, "dpi": (301, 301)},
        "WEBP": {"xmp": b"<x>SECRET place</x>"},
    }
    for format, more in options.items():
        for mode in ("RGB", "RGBA") if format != "JPEG" else ("RGB",):
            source = written(
                Image.new(mode, (40, 30)), format, exif=exif.tobytes(), icc_profile=profile, **more
            )
            assert source.count(b"SECRET") > 1
            result = thumbnail(source, MANY)
            assert b"SECRET" not in result
            told = set(Image.open(io.BytesIO(result)).info)
            assert told <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_a_second_picture_behind_a_photograph_is_not_looked_at() -> None:
    data = pictures.with_a_second_picture()
    assert opened(data).format == "MPO"
    small = made(data)
    assert (small.format, small.size) == ("JPEG", (40, 30))


@pytest.mark.parametrize("format", MOVING)
def test_of_a_moving_picture_none_is_made(format: str) -> None:
    with pytest.raises(ValueError, match="moving"):
        thumbnail(pictures.moving(format), MANY)


@pytest.mark.parametrize("kind", NEVER_OPENED)
def test_what_is_no_picture_or_of_another_format_is_not_opened(kind: str) -> None:
    with pytest.raises(REFUSED):
        thumbnail(NEVER_OPENED[kind], MANY)


@pytest.mark.parametrize("kind", DRAWN)
def test_a_picture_that_breaks_off_is_refused(kind: str) -> None:
    format, mode, options = DRAWN[kind]
    gradient = Image.linear_gradient("L").convert("RGB").convert(mode.replace("I;16", "L"))
    whole = written(gradient.convert(mode), format, **options)
    for length in (1, 20, len(whole) // 2, len(whole) * 9 // 10):
        with pytest.raises(REFUSED):
            thumbnail(whole[:length], MANY)


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "webp", "bmp"])
def test_one_pixel_too_many_is_refused_before_any_is_decoded(kind: str) -> None:
    data = picture(kind, (40, 30))
    assert made(data, 1200).size == (40, 30)
    with pytest.raises(REFUSED):
        thumbnail(data, 1199)


@pytest.mark.parametrize("kind", pictures.HEADERS)
def test_a_header_with_nothing_behind_it_is_refused(kind: str) -> None:
    for size in [(40, 30), (0, 0), (16_383, 16_383)]:
        with pytest.raises(REFUSED):
            thumbnail(pictures.HEADERS[kind](*size), MANY)


def test_a_frame_larger_than_its_screen_is_no_way_around_the_limit() -> None:
    """The header of a GIF says one thing, its first frame another."""
    frame = (
        b"," + (0).to_bytes(4, "little") + (60_000).to_bytes(2, "little") * 2 + b"\0\x08\x01\0\0;"
    )
    lying = pictures.gif_header(40, 30) + frame
    with pytest.raises(REFUSED):
        thumbnail(lying, MANY)
