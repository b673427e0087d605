"""Media types: what is kept of a declared one, and what is guessed in its place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coatcheck.domain.magic import sniff
from coatcheck.domain.media_type import (
    INLINE,
    MAX_LENGTH,
    choose_media_type,
    clean_media_type,
    extension_for,
    guess_from_name,
    safe_inline,
)

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("image/png", "image/png"),
        (" Image/PNG ", "image/png"),
        ("image/svg+xml", "image/svg+xml"),
        ("application/vnd.oasis.opendocument.text", "application/vnd.oasis.opendocument.text"),
        ("text/html; charset=UTF-8", "text/html; charset=utf-8"),
        ('text/plain;charset="iso-8859-1"', "text/plain; charset=iso-8859-1"),
        ("text/plain; format=flowed; charset=utf-8", "text/plain; charset=utf-8"),
        ("text/plain; charset=utf-7", "text/plain"),
        ("text/plain; charset=punycode", "text/plain"),
        ("text/plain; charset=", "text/plain"),
        ("text/plain;", "text/plain"),
        ("multipart/form-data; boundary=x", "multipart/form-data"),
        ('image/png; charset="x\r\nSet-Cookie:a=b"', "image/png"),
        ("a/" + "b" * 125, "a/" + "b" * 125),
        ("a/" + "b" * 120 + "; charset=utf-8", "a/" + "b" * 120),
        ("text/html\x0b", None),
        ("text/html\r\n", None),
        ("a/b/c", None),
        ("", None),
        (None, None),
        ("png", None),
        ("*/*", None),
        ("image/", None),
        ("/png", None),
        ("image /png", None),
        ("a/" + "b" * 126, None),
        ("x" * 10_000, None),
        ("text/\u212aml", None),
        ("image/png, text/html", None),
    ],
)
def test_a_declared_type_is_kept_clean_or_not_at_all(text: str | None, clean: str | None) -> None:
    assert clean_media_type(text) == clean


@given(st.text(max_size=200))
def test_a_clean_type_is_short_plain_and_stays_as_it_is(text: str) -> None:
    clean = clean_media_type(text)
    if clean is not None:
        assert clean_media_type(clean) == clean
        assert clean.isascii()
        assert clean.isprintable()
        assert len(clean) <= MAX_LENGTH


@pytest.mark.parametrize(
    ("declared", "name", "head", "chosen"),
    [
        ("text/x-thing", "a.png", PNG, "text/x-thing"),
        (None, "a.txt", PNG, "text/plain"),
        ("application/octet-stream", "a.txt", PNG, "text/plain"),
        ("application/x-www-form-urlencoded", "a.txt", PNG, "text/plain"),
        ("nonsense", "a.JPG", PNG, "image/jpeg"),
        (None, "a.unknown", PNG, "image/png"),
        (None, None, PNG, "image/png"),
        (None, None, b"words", "application/octet-stream"),
        (None, None, b"", "application/octet-stream"),
    ],
)
def test_the_sender_decides_then_the_name_then_the_bytes(
    declared: str | None, name: str | None, head: bytes, chosen: str
) -> None:
    assert choose_media_type(declared, name, head) == chosen


@pytest.mark.parametrize(
    ("name", "guess"),
    [
        ("a.png", "image/png"),
        ("a.tar.gz", "application/gzip"),
        ("x.svg.png", "image/png"),
        ("x.jpg.php", None),
        ("data:text/html,x", None),
        ("png", None),
        (None, None),
    ],
)
def test_only_the_last_extension_tells_a_type(name: str | None, guess: str | None) -> None:
    assert guess_from_name(name) == guess


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a...", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\0\0\0\0WAVEfmt ", "audio/wav"),
        (b"RIFF\0\0\0\0????", None),
        (b"BM\x46\0\0\0\0\0\0\0", "image/bmp"),
        (b"BMW sells cars", None),
        (b"\0\0\0\x20ftypavif", "image/avif"),
        (b"\0\0\0\x20ftypisom", "video/mp4"),
        (b"\x1a\x45\xdf\xa3....webm", "video/webm"),
        (b"%PDF-1.7", "application/pdf"),
        (b"PK\x03\x04", "application/zip"),
        (b"\x1f\x8b\x08\0", "application/gzip"),
        (b"x" * 257 + b"ustar\0", "application/x-tar"),
        (b"MZ\x90\0", "application/vnd.microsoft.portable-executable"),
        (b"\x7fELF", "application/x-elf"),
        (b" \n<!DOCTYPE HTML><p>", "text/html"),
        (b"\xef\xbb\xbf<html>", "text/html"),
        (b"<ScRiPt>alert(1)</script>", "text/html"),
        (b"<svg onload=alert(1)>", "image/svg+xml"),
        (b"<?xml version='1.0'?><svg>", "image/svg+xml"),
        (b"<?xml version='1.0'?><a>", "text/xml"),
        (b"plain words", None),
        (b"", None),
    ],
)
def test_the_first_bytes_tell_what_content_is(head: bytes, media_type: str | None) -> None:
    assert sniff(head) == media_type


@given(st.binary(max_size=600))
def test_any_bytes_can_be_sniffed(head: bytes) -> None:
    media_type = sniff(head)
    assert media_type is None or clean_media_type(media_type) == media_type


@pytest.mark.parametrize(
    "media_type",
    [
        "text/html",
        "image/svg+xml",
        "application/xhtml+xml",
        "text/xml",
        "application/pdf",
        "text/javascript",
        "application/x-javascript",
        "multipart/x-mixed-replace",
        "application/octet-stream",
        "image/svg+xml; charset=utf-8",
        "text/css",
        "",
        None,
    ],
)
def test_what_a_browser_may_run_is_never_shown_in_place(media_type: str | None) -> None:
    assert not safe_inline(media_type)


@pytest.mark.parametrize("media_type", [*sorted(INLINE), "text/plain; charset=utf-8", "IMAGE/PNG"])
def test_pictures_sound_and_plain_text_may_be_shown_in_place(media_type: str) -> None:
    assert safe_inline(media_type)


def test_every_extension_leads_back_to_its_type() -> None:
    for media_type in ["text/plain", "image/jpeg", "application/pdf", "text/html", "video/mp4"]:
        assert guess_from_name("a" + extension_for(media_type)) == media_type
    assert extension_for("text/plain; charset=utf-8") == ".txt"
    assert extension_for("application/octet-stream") == ""
    assert extension_for(None) == ""
