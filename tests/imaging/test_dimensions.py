from __future__ import annotations

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coatcheck.imaging.dimensions import REACH, HeaderProbe
from tests import pictures
from tests.pictures import DRAWN, HEADERS, NEVER_OPENED, jpeg_header, jpeg_segment, picture

SIZES = st.tuples(st.integers(1, 60), st.integers(1, 60))
KINDS = st.sampled_from(sorted(DRAWN))


def probed(*pieces: bytes) -> HeaderProbe:
    probe = HeaderProbe()
    for piece in pieces:
        probe.feed(piece)
    return probe


def dimensions(*pieces: bytes) -> tuple[int, int] | None:
    return probed(*pieces).dimensions


def cut(data: bytes, places: list[int]) -> list[bytes]:
    return [data[a:b] for a, b in itertools.pairwise([0, *sorted(places), len(data)])]


@given(KINDS, SIZES)
def test_every_format_tells_how_large_it_is(kind: str, size: tuple[int, int]) -> None:
    assert dimensions(picture(kind, size)) == size


@given(st.data(), KINDS)
def test_it_does_not_matter_how_the_bytes_are_cut(data: st.DataObject, kind: str) -> None:
    content = picture(kind)
    places = data.draw(st.lists(st.integers(0, min(len(content), 200)), max_size=20))
    assert dimensions(*cut(content, places)) == (40, 30)


@pytest.mark.parametrize("kind", DRAWN)
def test_bytes_may_come_one_by_one(kind: str) -> None:
    content = picture(kind)
    assert dimensions(*(content[at : at + 1] for at in range(len(content)))) == (40, 30)


@pytest.mark.parametrize("kind", DRAWN)
def test_once_it_knows_it_wants_no_more(kind: str) -> None:
    probe = HeaderProbe()
    content = picture(kind)
    at = 0
    while probe.feed(content[at : at + 1]):
        at += 1
    assert probe.dimensions == (40, 30)
    assert not probe.feed(pictures.png_header(7, 7))
    assert probe.dimensions == (40, 30)


@pytest.mark.parametrize("kind", HEADERS)
def test_a_header_that_breaks_off_tells_nothing(kind: str) -> None:
    content = HEADERS[kind](40, 30)
    known = [dimensions(content[:length]) for length in range(len(content) + 1)]
    assert set(known) == {None, (40, 30)}
    assert known == sorted(known, key=bool)


@pytest.mark.parametrize("kind", HEADERS)
@pytest.mark.parametrize("size", [(0, 0), (0, 30), (40, 0)])
def test_what_has_no_pixels_has_no_dimensions(kind: str, size: tuple[int, int]) -> None:
    assert dimensions(HEADERS[kind](*size)) is None


@pytest.mark.parametrize("kind", HEADERS)
def test_the_largest_that_a_format_can_say_is_only_a_number(kind: str) -> None:
    most = {"png": 2**31 - 1, "bmp": 2**31 - 1, "webp": 2**14 - 1}.get(kind, 2**16 - 1)
    assert dimensions(HEADERS[kind](most, most)) == (most, most)


def test_a_flood_of_pixels_is_only_a_number() -> None:
    assert dimensions(pictures.png_header(60_000, 60_000)) == (60_000, 60_000)


@pytest.mark.parametrize("most", [2**31, 2**32 - 1])
def test_nothing_beyond_what_a_column_holds_is_believed(most: int) -> None:
    assert dimensions(pictures.png_header(most, 30)) is None
    assert dimensions(pictures.png_header(40, most)) is None


def test_a_bitmap_may_be_counted_from_the_top_but_not_from_the_right() -> None:
    assert dimensions(pictures.bmp_header(40, -30)) == (40, 30)
    assert dimensions(pictures.bmp_header(-40, 30)) is None
    assert dimensions(pictures.bmp_header(40, -(2**31))) is None


def test_an_apple_png_that_does_not_begin_with_its_header_tells_nothing() -> None:
    honest = pictures.png_header(40, 30)
    assert dimensions(honest.replace(b"IHDR", b"CgBI")) is None


@pytest.mark.parametrize("kind", NEVER_OPENED)
def test_of_anything_else_it_knows_nothing(kind: str) -> None:
    assert dimensions(NEVER_OPENED[kind]) is None


def test_a_jpeg_may_have_fill_bytes_and_markers_that_stand_alone() -> None:
    assert dimensions(jpeg_header(40, 30, b"\xff" * 9 + b"\xff\x01\xff\xd0")) == (40, 30)


def test_a_jpeg_of_any_frame_type_is_read_and_its_tables_are_not_taken_for_frames() -> None:
    honest = jpeg_header(40, 30)
    for marker in range(0xC0, 0xD0):
        expected = None if marker in (0xC4, 0xC8, 0xCC) else (40, 30)
        assert dimensions(honest.replace(b"\xff\xc0", bytes([0xFF, marker]))) == expected


@pytest.mark.parametrize(
    "segments",
    [
        b"\xff\xda",  # pixels first
        b"\xff\xd9",  # the end
        b"\xff\xd8",  # another beginning
        b"\x00\x00",  # no marker
        b"\xff\xe0\x00\x01",  # shorter than its own length
        b"\xff\xe0\x00\x00",
    ],
)
def test_a_jpeg_that_cannot_be_tells_nothing(segments: bytes) -> None:
    probe = HeaderProbe()
    assert not probe.feed(jpeg_header(40, 30, segments))
    assert probe.dimensions is None


def test_a_header_behind_a_large_colour_profile_is_found() -> None:
    profile = jpeg_segment(0xE2, bytes(65_000)) * 15
    assert dimensions(jpeg_header(40, 30, profile)) == (40, 30)


def test_a_header_out_of_reach_is_not_looked_for() -> None:
    far = jpeg_header(40, 30, jpeg_segment(0xE2, bytes(65_000)) * 17)
    assert len(far) > REACH
    for pieces in ([far], cut(far, list(range(0, len(far), 60_000)))):
        probe = probed(*pieces)
        assert probe.dimensions is None
        assert not probe.feed(b"")


def test_a_jpeg_of_nothing_but_tiny_segments_is_given_up_at_once() -> None:
    began = time.perf_counter()
    probe = HeaderProbe()
    assert not probe.feed(b"\xff\xd8" + jpeg_segment(0xE0, b"") * (REACH // 4))
    assert probe.dimensions is None
    assert time.perf_counter() - began < 0.1


@given(st.sampled_from([b"", *(header(40, 30) for header in HEADERS.values())]), st.data())
def test_no_bytes_whatever_do_any_harm(header: bytes, data: st.DataObject) -> None:
    kept = data.draw(st.integers(0, len(header)))
    probe = HeaderProbe()
    for piece in (header[:kept], data.draw(st.binary(max_size=300)), header[kept:]):
        probe.feed(piece)
    found = probe.dimensions
    assert found is None or all(0 < each < 2**31 for each in found)
