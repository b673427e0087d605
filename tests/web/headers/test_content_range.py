"""Content-Range of a request."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coatcheck.domain.errors import BadRange
from coatcheck.domain.ranges import Span
from coatcheck.web.headers.content_range import ContentRange, parse_content_range, unsatisfied


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("bytes 0-9/10", ContentRange(0, 10, 10)),
        ("bytes 5-5/10", ContentRange(5, 6, 10)),
        (" Bytes 0-0/1\t", ContentRange(0, 1, 1)),
        (f"bytes 0-9/{10**18 - 1}", ContentRange(0, 10, 10**18 - 1)),
    ],
)
def test_the_last_byte_is_named_on_the_wire_and_the_one_after_it_here(
    text: str, parsed: ContentRange
) -> None:
    assert parse_content_range(text) == parsed
    assert parsed.span == Span(parsed.start, parsed.stop)
    assert parsed.size == parsed.stop - parsed.start


@pytest.mark.parametrize(
    "text",
    [
        "bytes 5-2/10",
        "bytes 0-9/5",
        "bytes 0-10/10",
        "bytes 0-0/0",
        "bytes */10",
        "bytes 0-9/*",
        "bytes -9/10",
        "bytes 0-/10",
        "items 0-9/10",
        "bytes=0-9/10",
        "0-9/10",
        "bytes 0-9/10, bytes 0-1/10",
        f"bytes 0-9/{2**63}",
        f"bytes {2**63}-{2**63 + 1}/{2**64}",
        "bytes 0-9/" + "9" * 5000,
        "bytes 00-09/10",
        "bytes 0-9/010",
        "bytes -1-9/10",
        "bytes +0-9/10",
        "bytes 0_0-9/10",
        "bytes ０-９/10",
        "bytes  0-9/10",
        "bytes 0 - 9/10",
        "bytes 0-9/10\n",
        "",
    ],
)
def test_any_other_spelling_is_a_bad_range(text: str) -> None:
    with pytest.raises(BadRange) as refusal:
        parse_content_range(text)
    assert refusal.value.facts["field"] == "Content-Range"


@given(st.integers(0, 10**17), st.integers(1, 10**17), st.integers(0, 10**17))
def test_what_is_formatted_parses_back(start: int, size: int, after: int) -> None:
    one = ContentRange(start, start + size, start + size + after)
    assert parse_content_range(str(one)) == one


@given(st.text())
def test_any_text_is_a_range_or_a_bad_range(text: str) -> None:
    try:
        parsed = parse_content_range(text)
    except BadRange:
        return
    assert 0 <= parsed.start < parsed.stop <= parsed.total


def test_an_answer_tells_what_there_would_have_been() -> None:
    assert unsatisfied(7) == "bytes */7"
