"""Conditional requests for content with the tag "abc", last modified at 12:00:00 (and a bit)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from coatcheck.web.headers.conditional import Decision, evaluate, quoted
from coatcheck.web.headers.http_date import http_date

NOON = 1_764_072_000_000
EARLIER, AT, LATER = (http_date(NOON + 1000 * seconds) for seconds in (-1, 0, 1))

SEND, ALL = Decision.SEND, Decision.SEND_ALL
NOT_MODIFIED, FAILED = Decision.NOT_MODIFIED, Decision.FAILED


def decide(fields: dict[str, str]) -> Decision:
    return evaluate(Headers(fields), etag="abc", modified=NOON + 7)


@pytest.mark.parametrize(
    ("fields", "decision"),
    [
        ({}, SEND),
        ({"If-None-Match": '"abc"'}, NOT_MODIFIED),
        ({"If-None-Match": 'W/"abc"'}, NOT_MODIFIED),
        ({"If-None-Match": '"x", "abc"'}, NOT_MODIFIED),
        ({"If-None-Match": '"x,y","abc"'}, NOT_MODIFIED),
        ({"If-None-Match": "*"}, NOT_MODIFIED),
        ({"If-None-Match": '"x"'}, SEND),
        ({"If-None-Match": "abc"}, SEND),
        ({"If-None-Match": ""}, SEND),
        ({"If-None-Match": ", ".join(['"x"'] * 20_000)}, SEND),
        ({"If-Modified-Since": AT}, NOT_MODIFIED),
        ({"If-Modified-Since": LATER}, NOT_MODIFIED),
        ({"If-Modified-Since": EARLIER}, SEND),
        ({"If-Modified-Since": "yesterday"}, SEND),
        ({"If-Modified-Since": ""}, SEND),
        ({"If-Match": '"abc"'}, SEND),
        ({"If-Match": '"x", "abc"'}, SEND),
        ({"If-Match": "*"}, SEND),
        ({"If-Match": 'W/"abc"'}, FAILED),
        ({"If-Match": '"x"'}, FAILED),
        ({"If-Match": "abc"}, FAILED),
        ({"If-Unmodified-Since": AT}, SEND),
        ({"If-Unmodified-Since": EARLIER}, FAILED),
        ({"If-Unmodified-Since": "99 Foo"}, SEND),
    ],
)
def test_one_condition_decides(fields: dict[str, str], decision: Decision) -> None:
    assert decide(fields) is decision


@pytest.mark.parametrize(
    ("fields", "decision"),
    [
        ({"If-Match": '"abc"', "If-Unmodified-Since": EARLIER}, SEND),
        ({"If-None-Match": '"x"', "If-Modified-Since": LATER}, SEND),
        ({"If-None-Match": '"abc"', "If-Modified-Since": EARLIER}, NOT_MODIFIED),
        ({"If-Match": '"x"', "If-None-Match": '"abc"'}, FAILED),
        ({"If-None-Match": '"abc"', "Range": "bytes=0-1", "If-Range": '"x"'}, NOT_MODIFIED),
    ],
)
def test_tags_come_before_dates_and_failing_before_not_modified(
    fields: dict[str, str], decision: Decision
) -> None:
    assert decide(fields) is decision


@pytest.mark.parametrize(
    ("validator", "decision"),
    [
        ('"abc"', SEND),
        ('W/"abc"', ALL),
        ('"x"', ALL),
        (AT, SEND),
        (EARLIER, ALL),
        (LATER, ALL),
        ("nonsense", ALL),
        ("", ALL),
    ],
)
def test_a_range_is_honoured_only_for_the_content_it_was_asked_of(
    validator: str, decision: Decision
) -> None:
    assert decide({"Range": "bytes=0-1", "If-Range": validator}) is decision
    assert decide({"If-Range": validator}) is SEND


def test_content_without_validators_is_sent() -> None:
    fields = Headers({"If-None-Match": '"abc"', "If-Modified-Since": LATER})
    assert evaluate(fields, etag=None, modified=None) is SEND


def test_the_tag_is_sent_in_quotes() -> None:
    assert quoted("abc") == '"abc"'
    assert decide({"If-None-Match": quoted("abc")}) is NOT_MODIFIED


names = st.sampled_from(
    ["If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range", "Range"]
)


@given(st.dictionaries(names, st.text(st.characters(codec="latin-1"))))
def test_any_fields_lead_to_a_decision(fields: dict[str, str]) -> None:
    assert decide(fields) in Decision
