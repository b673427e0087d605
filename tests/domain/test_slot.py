"""How an announced upload is cut."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coatcheck.domain.assembly import Fit, fit
from coatcheck.domain.attachment import Attachment, Part
from coatcheck.domain.lifecycle import State
from coatcheck.domain.slot import cut

UPLOAD = Attachment(
    id=1,
    public_id="a" * 16,
    tenant_id=1,
    owner_id=1,
    dialect="native",
    state=State.RECEIVING,
    name=None,
    media_type="text/plain",
    size=1,
    received=0,
    created_at=0,
    updated_at=0,
    expires_at=None,
)


@given(st.integers(1, 1000), st.integers(1, 1500))
def test_the_parts_make_the_whole_and_all_but_the_last_are_as_large_as_agreed(
    size: int, part_size: int
):
    spans = cut(replace(UPLOAD, size=size, part_size=part_size))
    assert [span.start for span in spans] == list(range(0, size, part_size))
    assert [span.stop for span in spans] == [*(span.start for span in spans[1:]), size]
    assert all(span.size == part_size for span in spans[:-1])


@pytest.mark.parametrize("agreed", [False, True])
def test_whether_a_part_repeats_one_that_nobody_has_hashed_only_its_bytes_can_tell(agreed: bool):
    old = Part(id=7, start=0, size=3, sha256=None, blob_key="0" * 32)
    new = Part(start=0, size=3, sha256="1" * 64, inline=b"abc")
    found = fit([old], new, 3, {7} if agreed else ())
    assert found == (Fit(repeats=old) if agreed else Fit(compare=(old,)))
