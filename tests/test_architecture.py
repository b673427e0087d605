"""The shape of the package: what import-linter cannot see, and that import-linter does see."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from coatcheck.bootstrap import create_app
from coatcheck.settings import Settings
from coatcheck.web.dialects import DIALECTS

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "coatcheck"
MODULES = sorted(PACKAGE.rglob("*.py"))

# A module of more lines than this holds two ideas.
LONGEST_MODULE = 300

READS_THE_TIME = {
    "datetime.date.today",
    "datetime.datetime.now",
    "datetime.datetime.today",
    "datetime.datetime.utcnow",
    "time.gmtime",
    "time.localtime",
    "time.time",
    "time.time_ns",
}

# FastAPI reads the whole body for these before any dependency runs: a caller without a key could
# fill memory and disk. Bodies are streamed, after authentication.
READS_THE_BODY_FIRST = {f"fastapi.{name}" for name in ("Body", "File", "Form", "UploadFile")} | {
    "fastapi.datastructures.UploadFile",
    "starlette.datastructures.UploadFile",
}

# Names that say nothing of what is inside, and words that the glossary does without.
EMPTY_NAMES = {
    "common",
    "constants",
    "crud",
    "helpers",
    "misc",
    "models",
    "schemas",
    "util",
    "utils",
}
EMPTY_SUFFIXES = ("Handler", "Helper", "Manager", "Service", "Util", "Utils")


class Use(NamedTuple):
    """A dotted name, with the aliases of imports undone, where a module uses it."""

    name: str
    node: ast.AST
    parent: ast.AST | None
    line: int


def lint_imports(cwd: Path) -> subprocess.CompletedProcess[str]:
    linter = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [linter, "--no-cache"], cwd=cwd, capture_output=True, text=True, check=False, timeout=50
    )


def uses(module: Path) -> Iterator[Use]:
    tree = ast.parse(module.read_text(encoding="utf-8"), filename=str(module))
    meaning = imported_names(tree)
    for parent in ast.walk(tree):
        for node in ast.iter_child_nodes(parent):
            if isinstance(node, ast.Name | ast.Attribute) and (dotted := dotted_name(node)):
                first, _, rest = dotted.partition(".")
                origin = meaning.get(first, first)
                yield Use(f"{origin}.{rest}" if rest else origin, node, parent, node.lineno)


def imported_names(tree: ast.Module) -> dict[str, str]:
    meaning: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                local = alias.asname or alias.name.partition(".")[0]
                meaning[local] = alias.name if alias.asname else local
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                meaning[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return meaning


def dotted_name(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (base := dotted_name(node.value)):
        return f"{base}.{node.attr}"
    return None


def where(module: Path, line: int) -> str:
    return f"{module.relative_to(ROOT)}:{line}"


def offenders(names: set[str], *, allowed: frozenset[str] = frozenset()) -> list[str]:
    return [
        f"{where(module, use.line)} uses {use.name}"
        for module in MODULES
        if module.relative_to(PACKAGE).as_posix() not in allowed
        for use in uses(module)
        if use.name in names
    ]


def test_every_import_contract_is_kept() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("stray", "text", "complaint"),
    [
        ("utils.py", '"""Odds and ends."""\n', "utils"),
        ("domain/late.py", "import asyncio\n", "asyncio"),
        ("domain/upwards.py", "import coatcheck.services.uploads\n", "coatcheck.services"),
        ("services/shortcut.py", "import sqlalchemy\n", "sqlalchemy"),
        ("blobs/curious.py", "import coatcheck.domain.attachment\n", "curious"),
        ("web/shortcut.py", "import coatcheck.repositories\n", "coatcheck.repositories"),
    ],
)
def test_a_module_that_breaks_the_layers_fails_the_linter(
    tmp_path: Path, stray: str, text: str, complaint: str
) -> None:
    shutil.copytree(PACKAGE, tmp_path / "coatcheck", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "coatcheck" / stray).write_text(text, encoding="utf-8")

    result = lint_imports(tmp_path)

    assert result.returncode == 1, result.stdout + result.stderr
    assert "BROKEN" in result.stdout
    assert complaint in result.stdout.partition("Broken contracts")[2]


def test_only_the_clock_reads_the_time() -> None:
    # How old a leftover file is, its disk's own clock says: the store has it injected, by default so.
    stamps_files = "blobs/filesystem/store.py"
    assert offenders(READS_THE_TIME, allowed=frozenset({"clock.py", stamps_files})) == []


def test_no_route_lets_the_framework_read_a_body_before_it_knows_the_caller() -> None:
    assert offenders(READS_THE_BODY_FIRST) == []


def test_no_route_declares_a_body_for_the_framework_to_read() -> None:
    """A pydantic parameter does what UploadFile does: it is read before the caller is known."""
    app = create_app(Settings(dialects=tuple(DIALECTS)))
    routes = list(api_routes(app.routes))
    assert routes
    assert [route.path for route in routes if route.body_field is not None] == []


def api_routes(routes: Sequence[BaseRoute]) -> Iterator[APIRoute]:
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        elif included := getattr(route, "original_router", None):
            yield from api_routes(included.routes)


def test_nobody_reads_a_request_body_whole() -> None:
    whole = [
        f"{where(module, use.line)} calls {use.name}()"
        for module in MODULES
        for use in uses(module)
        if isinstance(use.parent, ast.Call)
        and use.node is use.parent.func
        and use.name.rpartition(".")[0].rpartition(".")[2] == "request"
        and use.name.rpartition(".")[2] in {"body", "form", "json"}
    ]
    assert whole == []


def test_only_settings_read_the_environment() -> None:
    """The command line may set a variable for the server processes it starts, and no more."""
    readers = []
    for module in MODULES:
        name = module.relative_to(PACKAGE).as_posix()
        if name == "settings.py":
            continue
        for use in uses(module):
            sets = isinstance(use.parent, ast.Subscript) and isinstance(use.parent.ctx, ast.Store)
            if use.name == "os.environ.setdefault" or (use.name == "os.environ" and sets):
                forbidden = not name.startswith("cli/")
            else:
                forbidden = use.name in {"os.environ", "os.environb", "os.getenv", "os.getenvb"}
                forbidden = forbidden and not is_part_of_setdefault(use)
            if forbidden:
                readers.append(f"{where(module, use.line)} uses {use.name}")
    assert readers == []


def is_part_of_setdefault(use: Use) -> bool:
    return isinstance(use.parent, ast.Attribute) and use.parent.attr == "setdefault"


def test_a_module_is_one_idea() -> None:
    long = {
        str(module.relative_to(ROOT)): lines
        for module in MODULES
        if (lines := len(module.read_text(encoding="utf-8").splitlines())) > LONGEST_MODULE
    }
    assert long == {}


def test_a_module_has_the_name_of_its_idea() -> None:
    assert [str(module.relative_to(ROOT)) for module in MODULES if module.stem in EMPTY_NAMES] == []


def test_a_class_has_the_name_of_its_idea() -> None:
    vague = [
        f"{where(module, node.lineno)} defines {node.name}"
        for module in MODULES
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and node.name.endswith(EMPTY_SUFFIXES)
    ]
    assert vague == []
