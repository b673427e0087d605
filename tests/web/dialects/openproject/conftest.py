"""An installation that speaks OpenProject's API, two users of it, and one of another tenant."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kit import Installation, installation


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Installation]:
    """Small blobs, to see the files."""
    async with installation(tmp_path, dialects=("openproject",), inline_max=16) as place:
        yield place
