"""Content-Type of a form, and fields that may occur once."""

import pytest
from starlette.datastructures import Headers

from coatcheck.domain.errors import Malformed, Unsupported
from coatcheck.web.headers import single
from coatcheck.web.headers.content_type import parse_boundary


@pytest.mark.parametrize(
    ("text", "boundary"),
    [
        ("multipart/form-data; boundary=XBX", "XBX"),
        ('Multipart/Form-Data;BOUNDARY="X B"', "X B"),
        (
            "multipart/form-data; boundary=----WebKitFormBoundaryAbC123",
            "----WebKitFormBoundaryAbC123",
        ),
        ("multipart/form-data; boundary=XBX; charset=punycode", "XBX"),
        ("multipart/form-data; charset=utf-7; boundary=XBX", "XBX"),
        ("multipart/form-data; boundary=" + "x" * 70, "x" * 70),
        ("multipart/form-data; boundary='()+_,-./:=?", "'()+_,-./:=?"),
    ],
)
def test_a_form_has_a_boundary(text: str, boundary: str) -> None:
    assert parse_boundary(text) == boundary


@pytest.mark.parametrize(
    "text",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary=""',
        "multipart/form-data; boundary=" + "x" * 71,
        "multipart/form-data; boundary=" + "x" * 300,
        'multipart/form-data; boundary="x "',
        'multipart/form-data; boundary="a\\"b"',
        "multipart/form-data; boundary=a\r\nb",
        "multipart/form-data; boundary=a\u00e9",
        "multipart/form-data; boundary=a; boundary=b",
    ],
)
def test_a_form_without_one_good_boundary_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        parse_boundary(text)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "text/plain",
        "multipart/related; boundary=X",
        "multipart/mixed; boundary=X",
        "application/x-www-form-urlencoded",
        "multipart/form-data-x; boundary=X",
    ],
)
def test_anything_else_is_not_spoken_here(text: str | None) -> None:
    with pytest.raises(Unsupported):
        parse_boundary(text)


def test_a_field_that_may_occur_once_is_malformed_when_repeated() -> None:
    headers = Headers(raw=[(b"range", b"a"), (b"x", b"1"), (b"x", b"1")])
    assert single(headers, "Range") == "a"
    assert single(headers, "Y") is None
    with pytest.raises(Malformed):
        single(headers, "X")
