"""An installation that speaks Campr, and two users of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kit import Installation, installation


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Installation]:
    """Without request limits, since tests ask more often than people; with small blobs, to see the files."""
    async with installation(
        tmp_path, dialects="campr", rate_limits="off", inline_max=16, max_size=1_000_000
    ) as house:
        yield house
