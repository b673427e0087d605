"""What leaves the checkout: the wheel, the image, the list of settings."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from coatcheck.settings import Settings

ROOT = Path(__file__).parent.parent
ENV_EXAMPLE = ROOT / ".env.example"
PREFIX = "COATCHECK_"

# A line that sets, or when commented out would set, a variable.
ASSIGNMENT = re.compile(rf"^#?\s?({PREFIX}[A-Z0-9_]+)=(.*)$")
UNIT = re.compile(
    r"\b(bytes|KiB|MiB|GiB|seconds|minutes|hours|days|pixels|per|number|URL|path|directory|list"
    r"|on|off|yes|no|true|false|one of|name|text|token|secret)\b"
)


def known_variables() -> set[str]:
    return {f"{PREFIX}{field.upper()}" for field in Settings.model_fields}


def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as pip would, only without a network: the build backend is already here."""
    target = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=50)
    (built,) = target.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def inside(wheel: Path) -> set[str]:
    return set(ZipFile(wheel).namelist())


def test_the_wheel_says_it_is_typed(inside: set[str]) -> None:
    assert "coatcheck/py.typed" in inside


def test_every_module_and_every_migration_travels_inside_the_wheel(inside: set[str]) -> None:
    def files(below: str, inside_wheel: str) -> set[str]:
        return {
            f"{inside_wheel}/{path.relative_to(ROOT / below).as_posix()}"
            for path in (ROOT / below).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }

    modules = files("src/coatcheck", "coatcheck")
    migrations = files("alembic", "coatcheck/migrations")
    metadata = {name for name in inside if ".dist-info/" in name}

    assert any(name.startswith("coatcheck/migrations/versions/") for name in migrations)
    assert inside - metadata == modules | migrations


def test_the_wheel_brings_its_command_and_its_license(wheel: Path, inside: set[str]) -> None:
    (entry_points,) = (name for name in inside if name.endswith(".dist-info/entry_points.txt"))
    assert b"coatcheck = coatcheck.cli:main" in ZipFile(wheel).read(entry_points)
    assert any(name.endswith("/LICENSE") for name in inside)


def test_an_installed_wheel_can_make_its_database(wheel: Path, tmp_path: Path) -> None:
    """No checkout, no alembic/ beside it: what `coatcheck db upgrade` needs is in the package."""
    with ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    environment = os.environ | {
        "PYTHONPATH": str(tmp_path / "site"),
        "COATCHECK_DATA_DIR": str(tmp_path / "data"),
    }

    def coatcheck(*arguments: str) -> str:
        ran = subprocess.run(
            [sys.executable, "-m", "coatcheck", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=50,
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout.strip()

    coatcheck("db", "upgrade")
    assert coatcheck("keys", "create", "--tenant", "acme", "--user", "ada")


def test_every_dependency_is_pinned_to_a_version_that_its_bound_allows() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if not line.startswith("#")]
    pinned = {canonicalize_name(pin.name): str(pin.specifier) for pin in pins}
    assert all(specifier.startswith("==") for specifier in pinned.values())

    project = pyproject()["project"]
    extras = project["optional-dependencies"].values()
    for line in [*project["dependencies"], *(line for extra in extras for line in extra)]:
        asked = Requirement(line)
        exact = pinned[canonicalize_name(asked.name)].removeprefix("==")
        assert asked.specifier.contains(exact), f"{line} does not allow {exact}"


def test_the_changelog_speaks_of_this_version() -> None:
    latest = re.search(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert latest
    assert latest[1] in (version("coatcheck"), "Unreleased")


def test_what_the_image_copies_exists_and_is_not_ignored() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    let_in = {line.removeprefix("!") for line in lines if line.startswith("!")}

    copied = [
        source
        for line in dockerfile.splitlines()
        if line.startswith("COPY ") and "--from=" not in line
        for source in shlex.split(line)[1:-1]
    ]

    assert copied
    for source in copied:
        assert (ROOT / source).exists(), source
        assert any(fnmatch(source, pattern) for pattern in let_in), source


def test_the_image_sets_only_settings_that_exist() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert set(re.findall(rf"{PREFIX}\w+", dockerfile)) <= known_variables()


def test_every_setting_is_documented_and_nothing_else_is() -> None:
    documented = [name for name, _, _ in documented_settings()]
    assert sorted(documented) == sorted(known_variables())


def test_every_setting_is_explained_with_its_unit() -> None:
    bare = [name for name, comment, _ in documented_settings() if not UNIT.search(comment)]
    assert bare == []


def test_the_documented_defaults_are_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = Settings()
    for name, _, value in documented_settings():
        if value:
            monkeypatch.setenv(name, value)
    assert Settings().model_dump() == expected.model_dump()


def documented_settings() -> list[tuple[str, str, str]]:
    """The variables of .env.example as (name, the comment above it, the value beside it)."""
    found, comment = [], ""
    for line in ENV_EXAMPLE.read_text(encoding="utf-8").splitlines():
        if assignment := ASSIGNMENT.match(line):
            found.append((assignment[1], comment, assignment[2].strip()))
        comment = f"{comment}\n{line}" if line.strip() else ""
    return found
