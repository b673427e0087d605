"""An installation that speaks the chat service's API, two users of it, and one of another tenant."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.books import assert_books_balance
from tests.kit import Installation, installation


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Installation]:
    """Anything above 1000 bytes is kept in a blob. The books are right afterwards."""
    async with installation(
        tmp_path, dialects=("chat",), inline_max=1000, max_size=100_000
    ) as place:
        yield place
        assert_books_balance(place, settled=True)
