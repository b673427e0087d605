from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from coatcheck.domain.principal import Principal
from tests import deeds
from tests.core import Core, core


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Core]:
    async with core(tmp_path / "data", **deeds.BLOBS_ABOVE_1000) as opened:
        yield opened


@pytest.fixture
async def ann(place: Core) -> Principal:
    return await deeds.principal(place)
