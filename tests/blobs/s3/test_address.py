from __future__ import annotations

import pytest

from coatcheck.blobs.s3.address import MIB, Address, parse_address


def test_a_bucket_is_enough():
    assert parse_address("s3://bucket") == Address(bucket="bucket")
    assert parse_address("s3://bucket/") == Address(bucket="bucket")


def test_everything_about_the_store_may_be_said_in_its_url():
    assert parse_address(
        "s3://my.bucket/a/b%2Dc/?endpoint=https%3A%2F%2Fs3.example.org%3A9000/&region=eu-1"
        "&addressing=virtual&part_size=6291456&connections=8&timeout=5"
    ) == Address(
        bucket="my.bucket",
        prefix="a/b-c/",
        endpoint="https://s3.example.org:9000",
        region="eu-1",
        addressing="virtual",
        part_size=6 * MIB,
        connections=8,
        timeout=5,
    )


def test_a_store_of_ones_own_is_addressed_by_path_unless_told_otherwise():
    assert parse_address("s3://bucket?endpoint=http://localhost:9000").addressing == "path"
    assert parse_address("s3://bucket").addressing == "auto"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("s3:", "bucket"),
        ("s3://", "bucket"),
        ("s3://B/x", "bucket"),
        ("s3://ab", "bucket"),
        ("s3://bucket:80/x", "bucket"),
        ("s3://bucket/x#y", "bucket"),
        ("s3://bucket/../x", "prefix"),
        ("s3://bucket/a//b", "prefix"),
        ("s3://bucket/ä", "prefix"),
        ("s3://bucket?endpoint=localhost:9000", "endpoint"),
        ("s3://bucket?endpoint=http://user:pw@host", "endpoint"),
        ("s3://bucket?endpoint=http://host/?x=1", "endpoint"),
        ("s3://bucket?addressing=sideways", "addressing"),
        ("s3://bucket?part_size=5242879", "part_size"),
        ("s3://bucket?part_size=8MiB", "part_size"),
        ("s3://bucket?timeout=0", "timeout"),
        ("s3://bucket?connections=1", "connections"),
        ("s3://bucket?endpont=http://host", "endpont"),
    ],
)
def test_what_cannot_be_is_refused_by_name(url: str, says: str):
    with pytest.raises(ValueError, match=says):
        parse_address(url)


@pytest.mark.parametrize(
    "url",
    [
        "s3://key:hunter2@bucket/x",
        "s3://bucket?secret_key=hunter2",
        "s3://bucket?endpoint=http://key:hunter2@host",
        "s3://bucket/x?timeout=hunter2",
    ],
)
def test_a_secret_that_somebody_put_into_the_url_is_not_repeated(url: str):
    with pytest.raises(ValueError, match=r".") as caught:
        parse_address(url)
    assert "hunter2" not in str(caught.value)
