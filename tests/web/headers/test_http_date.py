"""HTTP-date, in its three forms."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coatcheck.web.headers.http_date import http_date, parse_http_date

NOVEMBER = 784_111_777_000


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        " Sun, 06 Nov 1994 08:49:37 GMT ",
    ],
)
def test_all_three_forms_are_read(text: str) -> None:
    assert parse_http_date(text) == NOVEMBER


def test_a_leap_second_is_the_second_before_it() -> None:
    assert parse_http_date("Sat, 31 Dec 2016 23:59:60 GMT") == parse_http_date(
        "Sat, 31 Dec 2016 23:59:59 GMT"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 +0200",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 Foo 1994 08:49:37 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06 Nov 1994 25:49:37 GMT",
        "Sun, ０6 Nov 1994 08:49:37 GMT",
        "1994-11-06T08:49:37Z",
    ],
)
def test_no_other_text_is_a_date(text: str) -> None:
    assert parse_http_date(text) is None


@given(st.integers(0, 4_000_000_000_000))
def test_a_written_date_is_read_as_the_second_that_had_begun(time: int) -> None:
    assert parse_http_date(http_date(time)) == time // 1000 * 1000


@given(st.text())
def test_any_text_is_a_date_or_none(text: str) -> None:
    parse_http_date(text)
