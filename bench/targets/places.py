"""Servers on databases and stores that can be taken away from them; those are the ones of the tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from bench.outcomes import Skipped
from bench.session import Session
from tests.e2e.server import Server, running_server
from tests.engines import postgres
from tests.engines.postgres import CannotStart, Postgres
from tests.engines.seaweed import Weed, own_weed

#: Of PostgreSQL: such as anybody would give it first.
ORDINARY = {"shared_buffers": "256MB", "max_wal_size": "1GB", "autovacuum": "on"}
QUIET = {"COATCHECK_RATE_LIMITS": "off", "COATCHECK_LOG_LEVEL": "warning"}
NEVER = str(86_400)


@contextmanager
def served(session: Session, **env: str) -> Iterator[Server]:
    """A server for this block, on SQLite and a folder unless `env` says otherwise."""
    settings = {**QUIET, "COATCHECK_REAP_EVERY": NEVER, **env}
    with running_server(session.new_directory("server") / "data", env=settings) as server:
        yield server


@contextmanager
def database() -> Iterator[Postgres]:
    """Raises Skipped where none can run."""
    with ExitStack() as stack:
        try:
            running = stack.enter_context(postgres.server(**ORDINARY))
        except CannotStart as reason:
            raise Skipped(f"no PostgreSQL: {str(reason).splitlines()[0]}") from None
        yield running


@contextmanager
def store(session: Session) -> Iterator[Weed]:
    """Raises Skipped where none can run."""
    with ExitStack() as stack:
        try:
            running = stack.enter_context(own_weed(session.new_directory("weed") / "data"))
        except OSError as reason:
            raise Skipped(f"no S3 store: {reason}") from None
        yield running


@contextmanager
def nodes(session: Session, count: int) -> Iterator[list[Server]]:
    """So many on one PostgreSQL and one folder."""
    with database() as shared, ExitStack() as stack:
        env: Mapping[str, str] = {
            "COATCHECK_DATABASE_URL": shared.make("targets", "coatcheck_template"),
            "COATCHECK_BLOBS_URL": session.new_directory("blobs").as_uri(),
        }
        yield [stack.enter_context(served(session, **env)) for _ in range(count)]
