from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from coatcheck.domain.principal import Principal
from tests import deeds
from tests.core import Core, core


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Core]:
    """An installation in which more than 1000 bytes go into a blob."""
    async with core(tmp_path / "data", **deeds.BLOBS_ABOVE_1000) as opened:
        yield opened


@pytest.fixture
async def ann(place: Core) -> Principal:
    return await deeds.principal(place)


@pytest.fixture
async def bob(place: Core) -> Principal:
    """Of Ann's tenant."""
    return await deeds.principal(place, login="bob")


@pytest.fixture
async def eve(place: Core) -> Principal:
    """Of another tenant."""
    return await deeds.principal(place, tenant="evil", login="eve")
