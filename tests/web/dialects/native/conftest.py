"""An installation that speaks the native API beside all others, and three people."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from coatcheck.web.dialects import DIALECTS
from tests.books import assert_books_balance
from tests.kit import Installation, installation


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Installation]:
    """Small blobs, to see the files; an attachment may have a million bytes. The books are right afterwards."""
    async with installation(
        tmp_path, dialects=tuple(DIALECTS), rate_limits="off", inline_max=16, max_size=1_000_000
    ) as place:
        yield place
        assert_books_balance(place, settled=True)
