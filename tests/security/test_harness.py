"""The harness itself: each API takes a good upload, and what it is there to notice it notices."""

from __future__ import annotations

import pytest

from tests.security.aftermath import unharmed
from tests.security.harness import DIALECTS, Row, Site, run


def good(dialect: str) -> Row:
    return Row(
        name="a good upload",
        dialect=dialect,
        send=lambda site: site.upload(dialect, b"hello " + dialect.encode()),
        expect={200, 201},
        stores=True,
    )


@pytest.mark.parametrize("row", [good(dialect) for dialect in DIALECTS], ids=str)
def test_a_good_upload_is_taken_by_every_api(site: Site, row: Row) -> None:
    run(site, row)


def test_an_attachment_that_nobody_expected_is_noticed(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.security.aftermath.SETTLES_IN", 0.1)
    with pytest.raises(AssertionError, match="1 attachments are new, not 0"), unharmed(site):
        site.send(site.upload("campr", b"unexpected"))
