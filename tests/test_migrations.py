"""The migrations: what they make is exactly `tables.metadata`, however many processes run them."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine.mock import MockConnection

from coatcheck.bootstrap import create_app
from coatcheck.domain.errors import Unavailable
from coatcheck.repositories.engine import open_engine
from coatcheck.repositories.schema import REVISION, migrations, stamp, upgrade
from coatcheck.repositories.sqlite_driver import sqlite
from coatcheck.repositories.tables import metadata
from coatcheck.settings import Settings
from tests.kit import installation

# Alembic cannot see an index over an expression in SQLite; the comparison of the statements can.
pytestmark = [
    pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression"),
    pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index"),
]


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


def scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(migrations()))
    return ScriptDirectory.from_config(config)


def clauses(statement: str) -> tuple[str, frozenset[str]]:
    """A CREATE statement without its layout: its head, and what stands between its brackets in any order."""
    flat = re.sub(r"\s+", " ", statement.replace('"', "")).strip(" ;")
    head, _, rest = flat.partition(" (")
    inside, _, tail = rest.rpartition(")")
    if not head.startswith("CREATE TABLE"):
        return flat, frozenset()
    found, depth, begin = [], 0, 0
    for at, character in enumerate(inside):
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            found.append(inside[begin:at].strip())
            begin = at + 1
    found.append(inside[begin:].strip())
    return f"{head} {tail}".strip(), frozenset(found)


def schema_of(path: Path) -> set[tuple[str, frozenset[str]]]:
    connection = sqlite.connect(path)
    rows = connection.execute(
        "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
        " AND name <> 'alembic_version'"
    ).fetchall()
    connection.close()
    return {clauses(sql) for (sql,) in rows}


async def test_migrations_make_exactly_the_tables_of_the_metadata(tmp_path: Path) -> None:
    await upgrade(url_of(tmp_path / "migrated.db"))
    made = create_engine(f"sqlite:///{tmp_path / 'made.db'}")
    with made.begin() as connection:
        metadata.create_all(connection)
    made.dispose()

    migrated, declared = schema_of(tmp_path / "migrated.db"), schema_of(tmp_path / "made.db")

    assert migrated - declared == set(), "only in the migrations"
    assert declared - migrated == set(), "only in tables.py"
    assert any("WHERE" in head for head, _ in migrated)
    assert any("coalesce" in head for head, _ in migrated)
    assert any("CHECK" in clause for _, inside in migrated for clause in inside)


async def test_alembic_finds_no_difference_either(tmp_path: Path) -> None:
    await upgrade(url_of(tmp_path / "migrated.db"))

    def differences(connection: Connection) -> list[object]:
        options = {"compare_server_default": True, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, metadata))

    engine = create_engine(f"sqlite:///{tmp_path / 'migrated.db'}")
    with engine.connect() as connection:
        assert differences(connection) == []
    engine.dispose()


def test_on_postgresql_they_would_make_the_same() -> None:
    """Word for word, without a server: both are compiled and compared."""
    dialect = postgresql.dialect()
    declared: set[tuple[str, frozenset[str]]] = set()

    def note(statement: Any, *_: object, **__: object) -> None:
        declared.add(clauses(str(statement.compile(dialect=dialect))))

    metadata.create_all(MockConnection(dialect, note), checkfirst=False)

    written = io.StringIO()
    options = {"as_sql": True, "output_buffer": written, "target_metadata": metadata}
    context = MigrationContext.configure(dialect_name="postgresql", opts=options)
    with Operations.context(context):
        for script in reversed(list(scripts().walk_revisions())):
            script.module.upgrade()

    migrated = {clauses(part) for part in written.getvalue().split(";\n") if part.strip()}
    assert migrated - declared == set(), "only in the migrations"
    assert declared - migrated == set(), "only in tables.py"


def test_the_program_is_written_for_the_newest_migration() -> None:
    assert scripts().get_heads() == [REVISION]


async def test_a_database_made_from_the_metadata_can_say_that_it_is_current(tmp_path: Path) -> None:
    engine = open_engine(url_of(tmp_path / "made.db"))
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
        await connection.run_sync(stamp)
    await engine.dispose()

    assert await upgrade(url_of(tmp_path / "made.db")) == (REVISION, REVISION)


async def test_a_second_upgrade_finds_nothing_to_do(tmp_path: Path) -> None:
    assert await upgrade(url_of(tmp_path / "new" / "a.db")) == (None, REVISION)
    assert await upgrade(url_of(tmp_path / "new" / "a.db")) == (REVISION, REVISION)


def test_of_several_processes_that_upgrade_at_once_one_does_and_all_succeed(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys; from coatcheck.repositories.schema import upgrade;"
        "print(asyncio.run(upgrade(sys.argv[1])))"
    )
    command = [sys.executable, "-c", program, url_of(tmp_path / "new" / "a.db")]
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    told = [process.communicate(timeout=50) for process in processes]

    assert [process.returncode for process in processes] == [0] * 4, told
    assert sorted(out.strip() for out, _ in told) == [str((REVISION, REVISION))] * 3 + [
        str((None, REVISION))
    ]


async def test_a_migration_that_fails_leaves_the_database_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("no")

    monkeypatch.setattr(Operations, "create_index", fail)
    with pytest.raises(OSError, match="no"):
        await upgrade(url_of(tmp_path / "a.db"))
    monkeypatch.undo()

    assert schema_of(tmp_path / "a.db") == set()
    assert await upgrade(url_of(tmp_path / "a.db")) == (None, REVISION)


async def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    await upgrade(url_of(tmp_path / "a.db"))
    set_version(tmp_path / "a.db", "9999", serves_since="9999")

    with pytest.raises(ValueError, match="9999"):
        await upgrade(url_of(tmp_path / "a.db"))


async def test_a_newer_version_that_took_nothing_away_is_left_as_it_is_and_served(
    tmp_path: Path,
) -> None:
    """So that nodes can be replaced one after another, the database first."""
    await upgrade(url_of(tmp_path / "coatcheck.db"))
    set_version(tmp_path / "coatcheck.db", "9999")

    assert await upgrade(url_of(tmp_path / "coatcheck.db")) == ("9999", "9999")
    app = create_app(Settings(data_dir=tmp_path, dialects=()))
    async with app.router.lifespan_context(app):
        pass


def set_version(database: Path, version: str, serves_since: str | None = None) -> None:
    with sqlite.connect(database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (version,))
        if serves_since:
            connection.execute("UPDATE installation SET value = ?", (serves_since,))
    connection.close()


async def test_a_server_is_not_ready_on_another_schema_and_says_what_to_run(tmp_path: Path) -> None:
    async with installation(tmp_path, dialects=()) as place, place.anonymous() as client:
        assert (await client.get("/-/ready")).status_code == 200
        set_version(tmp_path / "coatcheck.db", "9999")
        answer = await client.get("/-/ready")
    assert answer.status_code == 503
    assert "9999" in answer.json()["checks"]["database"]
    assert "coatcheck db upgrade" in answer.json()["checks"]["database"]


@pytest.mark.parametrize("version", ["0000", "9999"])
async def test_no_server_starts_on_another_schema(tmp_path: Path, version: str) -> None:
    async with installation(tmp_path, dialects=()):
        pass
    set_version(tmp_path / "coatcheck.db", version)
    app = create_app(Settings(data_dir=tmp_path, dialects=()))
    with pytest.raises(Unavailable, match=f"has version {version}"):
        async with app.router.lifespan_context(app):
            pass


@pytest.mark.thorough
@pytest.mark.timeout(600)
def test_a_wheel_in_an_environment_of_its_own_migrates_its_database(tmp_path: Path) -> None:
    """With its dependencies from the package index, as `pip install` brings them."""
    root = Path(__file__).parent.parent
    wheel = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(wheel, cwd=root, check=True, capture_output=True)
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    (built,) = tmp_path.glob("*.whl")
    install = [str(each) for each in (python, "-m", "pip", "install", "-q", built)]
    install += ["-c", str(root / "constraints.txt")]
    subprocess.run(install, check=True, capture_output=True, cwd=tmp_path)

    ran = subprocess.run(
        [tmp_path / "venv" / "bin" / "coatcheck", "db", "upgrade"],
        env={"COATCHECK_DATA_DIR": str(tmp_path / "data")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert schema_of(tmp_path / "data" / "coatcheck.db")
