"""A page of a list on PostgreSQL reads a page, however much there is: its planner goes by its statistics."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.filling import fill
from coatcheck.repositories.copying import copy
from coatcheck.repositories.engine import open_engine
from tests import deeds
from tests.core import Core, core
from tests.engines import postgres
from tests.repositories.test_plans import LISTS, WINDOWS, asked, use

pytestmark = pytest.mark.sqlite  # it brings its own

MANY = 4_000
#: Tables that grow, and how many of their rows may be looked at for a page of two.
LARGE = {"attachments", "parts", "claims", "containers"}
FEW = 50


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database that has so many, and knows it."""
    postgres.required()
    here = tmp_path_factory.mktemp("many") / "data"
    fill(here, MANY)
    there = postgres.bare_database()

    async def copied() -> None:
        await copy(f"sqlite:///{here / 'coatcheck.db'}", there, 0, lambda _table, _rows: None)
        engine = open_engine(there)
        async with engine.begin() as connection:
            await connection.exec_driver_sql("ANALYZE")
        await engine.dispose()

    asyncio.run(copied())
    return there


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("name", LISTS)
async def test_a_page_reads_about_as_many_rows_as_it_shows(
    name: str, window: str, many: str, tmp_path: Path
) -> None:
    async with core(tmp_path / "data", database_url=many) as place:
        # Whose a fifth of it is.
        whose = await deeds.principal(place, "default", "user-0")
        with asked(place) as seen:
            await LISTS[name](place, whose, WINDOWS[window])
        assert seen
        read = {each: await rows_read(place, each, seen[each]) for each in seen}
    # What is counted is counted.
    assert {each: n for each, n in read.items() if n > FEW and "count(" not in each} == {}


async def test_nor_does_any_other_request_nor_a_sweep_that_finds_nothing(
    many: str, tmp_path: Path
) -> None:
    async with core(tmp_path / "data", database_url=many) as place:
        whose = await deeds.principal(place, "default", "user-0")
        with asked(place) as seen:
            await use(place, whose)
            await place.services.reaping.sweep()
        read = {each: await rows_read(place, each, seen[each]) for each in seen}
    assert {each: n for each, n in read.items() if n > FEW and "count(" not in each} == {}


async def rows_read(place: Core, statement: str, parameters: Any) -> int:
    """Of large tables, by the plan that PostgreSQL has for it now."""
    async with place.engine.begin() as connection:
        found = await connection.exec_driver_sql(
            f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters
        )
        told = found.scalar_one()
    (whole,) = told if isinstance(told, list) else json.loads(told)
    return sum(_rows(step) for step in _steps(whole["Plan"]) if step.get("Relation Name") in LARGE)


def _steps(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from _steps(inner)


def _rows(step: dict[str, Any]) -> int:
    """Those it handed on, and those it looked at in vain."""
    removed = sum(n for what, n in step.items() if what.startswith("Rows Removed"))
    return int((step["Actual Rows"] + removed) * step["Actual Loops"])
