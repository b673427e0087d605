"""An installation that speaks OpenProject's API, two users of it, and one of another tenant."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.kit import Installation, installation


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Installation]:
    """Small blobs, to see the files."""
    async with installation(tmp_path, dialects=("openproject",), inline_max=16) as place:
        yield place


@pytest.fixture
async def ann(house: Installation) -> AsyncIterator[httpx.AsyncClient]:
    async with house.client() as client:
        yield client


@pytest.fixture
async def bob(house: Installation) -> AsyncIterator[httpx.AsyncClient]:
    """Of the same tenant as Ann."""
    async with house.client(login="bob") as client:
        yield client


@pytest.fixture
async def eve(house: Installation) -> AsyncIterator[httpx.AsyncClient]:
    """Of another tenant."""
    async with house.client(tenant="other", login="eve") as client:
        yield client
