"""What the tests of commands share: a runner in this process, over a data directory of the test's own."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from coatcheck.cli import app
from coatcheck.settings import Settings
from tests.core import lay_out

Invoke = Callable[..., Result]


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "data"
    monkeypatch.setenv("COATCHECK_DATA_DIR", str(directory))
    monkeypatch.setenv("COATCHECK_DIALECTS", "")
    return directory


@pytest.fixture
def invoke(data_dir: Path) -> Iterator[Invoke]:
    """Run a command; what it changes of this process is put back."""
    before, umask = list(logging.getLogger().handlers), os.umask(0o077)
    root, level = logging.getLogger(), logging.getLogger().level

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, arguments)

    yield run
    os.umask(umask)
    root.handlers[:] = before
    root.setLevel(level)
    logging.captureWarnings(capture=False)


@pytest.fixture
def installed(data_dir: Path) -> Settings:
    """A database that has been set up."""
    lay_out(data_dir)
    data_dir.chmod(0o700)
    return Settings()
