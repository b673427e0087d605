"""An organization, and somebody in it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.books import assert_books_balance
from tests.kit import Installation, installation
from tests.web.dialects.tracker.asks import headers


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Installation]:
    """Anything above 1000 bytes is kept in a blob; a file may have 100,000. The books are right afterwards."""
    async with installation(
        tmp_path, dialects=("tracker",), inline_max=1000, tracker_max_size=100_000
    ) as place:
        yield place
        assert_books_balance(place, settled=True)


@pytest.fixture
async def ann(house: Installation) -> AsyncIterator[httpx.AsyncClient]:
    async with house.anonymous(headers=await headers(house)) as client:
        yield client


@pytest.fixture
async def bob(house: Installation) -> AsyncIterator[httpx.AsyncClient]:
    """In Ann's organization."""
    async with house.anonymous(headers=await headers(house, login="bob")) as client:
        yield client


@pytest.fixture
async def eve(house: Installation) -> AsyncIterator[httpx.AsyncClient]:
    """In another organization."""
    async with house.anonymous(headers=await headers(house, tenant="other", login="eve")) as client:
        yield client
