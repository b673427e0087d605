"""A site to upload to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.kit import Installation, installation


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Installation]:
    """Anything above 1000 bytes is kept in a blob."""
    async with installation(tmp_path, dialects=("attachfast",), inline_max=1000) as place:
        yield place


@pytest.fixture
async def site(house: Installation) -> AsyncIterator[httpx.AsyncClient]:
    async with house.client() as client:
        yield client
