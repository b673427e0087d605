"""Range of a request for content of 100 bytes, where nothing else is said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coatcheck.domain.errors import RangeNotSatisfiable
from coatcheck.domain.ranges import Span
from coatcheck.web.headers.byte_range import parse_range


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("bytes=0-9", Span(0, 10)),
        ("bytes=99-99", Span(99, 100)),
        ("bytes=90-200", Span(90, 100)),
        ("bytes=0-" + "9" * 5000, Span(0, 100)),
        ("bytes=10-", Span(10, 100)),
        ("bytes=-10", Span(90, 100)),
        ("bytes=-500", Span(0, 100)),
        ("bytes=-" + "9" * 5000, Span(0, 100)),
        ("Bytes= 0-9 ", Span(0, 10)),
        ("bytes=007-009", Span(7, 10)),
    ],
)
def test_one_range_is_served(text: str, span: Span) -> None:
    assert parse_range(text, 100) == span


@pytest.mark.parametrize("text", ["bytes 0-9/100", "bytes 0-9/*"])
def test_the_form_that_campr_prints_is_understood(text: str) -> None:
    assert parse_range(text, 100) == Span(0, 10)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=5-2",
        "bytes=1.5-2",
        "bytes=--5",
        "bytes=0-9,20-29",
        "bytes=0-0,0-0,0-0",
        "items=0-9",
        "bytes 0-9/7",
        "bytes 0-9",
        "bytes 5-2/100",
        "bytes=０-９",
    ],
)
def test_what_is_malformed_foreign_or_several_is_ignored(text: str | None) -> None:
    assert parse_range(text, 100) is None


@pytest.mark.parametrize(
    "text", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=" + "9" * 5000 + "-"]
)
def test_a_range_that_names_no_byte_cannot_be_satisfied(text: str) -> None:
    with pytest.raises(RangeNotSatisfiable) as refusal:
        parse_range(text, 100)
    assert refusal.value.facts == {"size": 100}


def test_the_last_bytes_of_nothing_are_all_of_it() -> None:
    assert parse_range("bytes=-5", 0) is None
    with pytest.raises(RangeNotSatisfiable):
        parse_range("bytes=0-", 0)


range_text = st.one_of(
    st.text(),
    st.from_regex(r"bytes[= ][0-9]{0,4}-[0-9]{0,4}(/[0-9*]{1,3})?", fullmatch=True),
)


@given(range_text, st.integers(0, 300))
def test_any_text_gives_bytes_of_the_content_all_or_not_satisfiable(text: str, size: int) -> None:
    try:
        span = parse_range(text, size)
    except RangeNotSatisfiable:
        return
    assert span is None or 0 <= span.start < span.stop <= size
