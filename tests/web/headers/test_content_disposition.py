"""Content-Disposition: read as a header field, read as a part's, and written."""

import contextlib
import unicodedata
from email.message import EmailMessage
from email.policy import HTTP

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coatcheck.domain.errors import Malformed
from coatcheck.web.headers.content_disposition import (
    content_disposition,
    parse_content_disposition,
    parse_part_disposition,
)


def on_the_wire(text: str) -> str:
    """UTF-8 bytes as a server hands them on: decoded as Latin-1."""
    return text.encode("utf-8").decode("latin-1")


BOTH = [
    ('attachment; filename="a b.png"', "a b.png"),
    ("attachment; filename=a.png", "a.png"),
    ("attachment;filename=a.png;", "a.png"),
    ("attachment; ; filename = a.png", "a.png"),
    ('attachment; FileName="a.png"', "a.png"),
    ('attachment; filename="a\\"b.png"', 'a"b.png'),
    ('attachment; filename="a;b.png"', "a;b.png"),
    ('attachment; filename="C:\\temp\\new.txt"', "C:\\temp\\new.txt"),
    ('attachment; filename="a\\\\b"', "a\\b"),
    ("attachment; filename=my file.png", "my file.png"),
    ("attachment; filename=my file.png ; x=y", "my file.png"),
    ('attachment; filename="x.txt', "x.txt"),
    ('attachment; filename="a"b; x=y', "a"),
    (on_the_wire('attachment; filename="pröf ile.png"'), "pröf ile.png"),
    (on_the_wire("attachment; filename=日本.png"), "日本.png"),
    ('attachment; filename="caf\xe9.png"', "café.png"),
    ('attachment; filename=""', ""),
    ("attachment", None),
    ("attachment; size=5", None),
    ('attachment; filename*0="ev"; filename*1="il.html"', None),
]


@pytest.mark.parametrize(("text", "filename"), BOTH)
def test_a_plain_filename_reads_the_same_everywhere(text: str, filename: str | None) -> None:
    assert parse_content_disposition(text).filename == filename
    assert parse_part_disposition(text).filename == filename


@pytest.mark.parametrize(
    ("text", "filename"),
    [
        ("attachment; filename*=UTF-8''%E2%82%AC.png", "€.png"),
        ("attachment; filename*=utf-8'de'%e2%82%ac.png", "€.png"),
        ("attachment; filename*=iso-8859-1'en'%A3", "£"),
        ("attachment; filename=\"a.png\"; filename*=UTF-8''%E2%82%AC.png", "€.png"),
        ("attachment; filename*=UTF-8''%E2%82%AC.png; filename=a.png", "€.png"),
        ("attachment; filename*=utf-7''+ADw-; filename=a.png", "a.png"),
        ("attachment; filename*=UTF-8''%ZZ; filename=a.png", "a.png"),
        ("attachment; filename*=UTF-8''%E2%82; filename=a.png", "a.png"),
        ("attachment; filename*=a.png; filename=b.png", "b.png"),
        ("attachment; filename*=UTF-8''%ZZ", None),
    ],
)
def test_in_a_header_the_extended_filename_wins_when_it_can_be_read(
    text: str, filename: str | None
) -> None:
    assert parse_content_disposition(text).filename == filename


@pytest.mark.parametrize(
    "text",
    [
        "form-data; name=file; filename=\"ok.png\"; filename*=UTF-8''evil.html",
        "form-data; name=file; filename*=UTF-8''evil.html; filename=\"ok.png\"",
        'form-data; name=file; filename="ok.png"; filename*0="ev"; filename*1="il.html"',
    ],
)
def test_in_a_part_only_the_plain_filename_counts(text: str) -> None:
    assert parse_part_disposition(text).filename == "ok.png"


def test_a_part_with_an_extended_filename_alone_has_none() -> None:
    part = parse_part_disposition("form-data; name=file; filename*=UTF-8''evil.html")
    assert part.filename is None


def test_a_part_has_a_name_and_what_browsers_escape_in_it_is_undone() -> None:
    part = parse_part_disposition('form-data; name="a%22b"; filename="x%22%0D%0Ay%20.png"')
    assert (part.kind, part.name, part.filename) == ("form-data", 'a"b', 'x"\r\ny%20.png')


@pytest.mark.parametrize("parse", [parse_content_disposition, parse_part_disposition])
@pytest.mark.parametrize(
    "text",
    [
        "",
        ";",
        "; filename=a",
        "filename=a.png",
        "atta chment; filename=a",
        'attachment; filename="a.png"; filename="a.png"',
        'attachment; filename="a.png"; FILENAME="b.png"',
        "attachment; filename",
        "attachment; =a",
        "attachment; file name=a",
        "attachment; filename=a\r\nX: 1",
        "attachment; filename=a\x00b",
        "attachment; filename=a\x7fb",
    ],
)
def test_what_could_be_read_in_two_ways_is_malformed(parse, text: str) -> None:
    with pytest.raises(Malformed):
        parse(text)


@pytest.mark.parametrize(
    ("name", "field"),
    [
        (None, "attachment"),
        ("a.png", "attachment; filename=a.png"),
        ("a b.png", "attachment; filename=\"a b.png\"; filename*=UTF-8''a%20b.png"),
        ("€.png", "attachment; filename=\"_.png\"; filename*=UTF-8''%E2%82%AC.png"),
        ('a"b\\c.png', "attachment; filename=\"a_b_c.png\"; filename*=UTF-8''a%22b%5Cc.png"),
        ("a%20b", "attachment; filename=\"a_20b\"; filename*=UTF-8''a%2520b"),
        ("a\r\nX: 1", "attachment; filename=\"aX: 1\"; filename*=UTF-8''aX%3A%201"),
        ("\u202egpj.exe", "attachment; filename=gpj.exe"),
        ("\ud800.png", "attachment; filename=.png"),
        ("", "attachment; filename=\"\"; filename*=UTF-8''"),
    ],
)
def test_a_name_is_written_plainly_where_it_can_be_and_twice_where_not(
    name: str | None, field: str
) -> None:
    assert content_disposition("attachment", name) == field


any_name = st.text(st.characters(codec=None), max_size=300)


@given(any_name)
def test_whatever_the_name_one_line_of_ascii_is_written(name: str) -> None:
    field = content_disposition("attachment", name)
    assert field.isascii()
    assert field.isprintable()
    assert field.count('"') in {0, 2}


@given(any_name)
def test_what_is_written_parses_back_here_and_elsewhere(name: str) -> None:
    seen = "".join(c for c in name if unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Zl", "Zp"})
    field = content_disposition("inline", name)
    parsed = parse_content_disposition(field)
    assert (parsed.kind, parsed.filename) == ("inline", seen)


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), min_size=1))
def test_the_standard_library_reads_the_same_kind_from_what_is_written(name: str) -> None:
    message = EmailMessage(policy=HTTP)
    message["Content-Disposition"] = content_disposition("attachment", name)
    assert message.get_content_disposition() == "attachment"


@given(st.text())
def test_any_text_is_a_disposition_or_malformed(text: str) -> None:
    for parse in (parse_content_disposition, parse_part_disposition):
        try:
            parse(text)
        except Malformed:
            continue


@pytest.mark.parametrize(
    "text", ["a;" * 50_000, "a; b=" + '"\\' * 50_000, "a; b=c" * 20_000, "a;" + " " * 100_000 + "x"]
)
def test_long_fields_take_no_long_time(text: str) -> None:
    with contextlib.suppress(Malformed):
        parse_content_disposition(text)
