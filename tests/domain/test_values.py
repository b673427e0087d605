"""The small values that say little each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from coatcheck.domain.claim import Claim
from coatcheck.domain.container import Series
from coatcheck.domain.deposit import Stash
from coatcheck.domain.intent import Intent
from coatcheck.domain.quota import Usage
from tests.domain.test_attachment import AN_ATTACHMENT

USAGE = Usage(used=30, reserved=20, attachments=2, limit_bytes=100, limit_count=None)


@pytest.mark.parametrize(("limit", "available"), [(100, 50), (50, 0), (40, 0), (None, None)])
def test_what_is_available_is_what_is_neither_used_nor_reserved(
    limit: int | None, available: int | None
):
    assert replace(USAGE, limit_bytes=limit).available == available


def test_a_claim_shows_what_the_container_calls_it_else_what_it_calls_itself():
    plain = Claim(attachment=replace(AN_ATTACHMENT, name="a.txt"), position=0)
    assert (plain.shown_name, plain.shown_media_type) == ("a.txt", "text/plain")
    renamed = replace(plain, name="b.png", media_type="image/png")
    assert (renamed.shown_name, renamed.shown_media_type) == ("b.png", "image/png")


def test_a_stash_becomes_a_part_that_has_its_bytes_in_one_place():
    small = Stash(size=3, digests={"sha256": "s"}, head=b"abc", inline=b"abc")
    assert (small.part(start=7).inline, small.part(start=7).blob_key) == (b"abc", None)
    assert (small.part(start=7).start, small.part(start=7).stop) == (7, 10)
    intent = Intent(blob_key="k", owner_id=1, reserved=3, lease="l", lease_until=0)
    large = Stash(size=3, digests={"sha256": "s"}, head=b"abc", intent=intent)
    assert (large.part(ordinal=2).inline, large.part(ordinal=2).blob_key) == (None, "k")
    assert large.part(ordinal=2).ordinal == 2


def test_a_series_names_its_containers_by_number():
    assert Series("issue", "TEST", "TEST-{}").ref(3).external_id == "TEST-3"
    assert Series("comment", "comments").ref(12).external_id == "12"
