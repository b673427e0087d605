"""What holds for every test: which of them run, how hard hypothesis tries, and a clean environment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest

from tests.engines import choice, postgres

_ELSEWHERE = pytest.StashKey[int]()

# Deadlines measure the machine, not the code. The quick profile is the same on every run: a test
# that fails on Tuesdays only tells nobody anything. `--thorough` is where new examples are looked for.
hypothesis.settings.register_profile("quick", deadline=None, derandomize=True, max_examples=25)
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=500)

ONLY_WITH_THOROUGH = ("slow", "thorough")

# In seconds: twenty times the examples take twenty times as long.
TIMEOUT_WITH_THOROUGH = 600


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--thorough",
        action="store_true",
        help="also run the tests marked slow or thorough, and look at twenty times the examples",
    )

    parser.addoption(
        "--engines",
        choices=choice.CHOICES,
        default="sqlite",
        help="the database and the store of the tests' installations",
    )


def pytest_configure(config: pytest.Config) -> None:
    choice.chosen = config.option.engines
    hypothesis.settings.load_profile("thorough" if config.option.thorough else "quick")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    elsewhere = [item for item in items if not choice.belongs(item)]
    if elsewhere:
        config.hook.pytest_deselected(items=elsewhere)
        items[:] = [item for item in items if choice.belongs(item)]
    config.stash[_ELSEWHERE] = len(elsewhere)
    if config.option.thorough:
        for item in items:
            if not item.get_closest_marker("timeout"):
                item.add_marker(pytest.mark.timeout(TIMEOUT_WITH_THOROUGH))
        return
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        waits = any(item.get_closest_marker(name) for name in ONLY_WITH_THOROUGH)
        (left_out if waits else kept).append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if count := config.stash.get(_ELSEWHERE, 0):
        terminalreporter.write_line(
            f"{count} tests are about SQLite or the folder alone: not run on {choice.chosen}",
            yellow=True,
        )


@pytest.fixture(autouse=True)
def _databases_are_dropped() -> Iterator[None]:
    """But for those of a whole module, which were made before."""
    before = postgres.databases()
    yield
    postgres.drop_databases(before)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may have a server of their own configured."""
    for name in [name for name in os.environ if name.startswith("COATCHECK_")]:
        monkeypatch.delenv(name)
