from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


@dataclass
class Stage:
    """An installation with a loop of its own, for tests that are run many times over."""

    place: Core
    ann: Principal
    run: Callable[[Coroutine[Any, Any, Any]], Any]
    number: int = 0

    def fresh(self) -> str:
        """A name that was not used before."""
        self.number += 1
        return f"n{self.number}"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with asyncio.Runner() as runner:
        opened = core(tmp_path / "data", **deeds.BLOBS_ABOVE_1000)
        place = runner.run(opened.__aenter__())
        try:
            yield Stage(place, runner.run(deeds.principal(place)), runner.run)
        finally:
            runner.run(opened.__aexit__(None, None, None))
