"""Three people, for the tests of every dialect. Each dialect has its own `house`."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.kit import Installation


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
