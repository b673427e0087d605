"""Several nodes: processes of `coatcheck serve` that share a PostgreSQL and an S3 store, and no memory.

with cluster(tmp_path) as nodes:
    answer = nodes.any().post("/attachments", data=b"…")
    nodes.settle()          # leases run out, sweeps are made, and then everything has to add up
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import requests
from typer.testing import CliRunner

from coatcheck.cli import app
from tests.e2e.server import Server, running_server
from tests.engines import postgres
from tests.engines.seaweed import s3_url

#: Seconds until something has to have happened, on a machine that is busy with other things.
PATIENCE = 30

#: Seconds between sweeps where a test makes its own.
NEVER = 86_400


class Node:
    """One of them, asked as Ann of Acme."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.url = server.url
        self._headers = server.headers()
        self._local = threading.local()

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {**self._headers, **options.pop("headers", {})}
        options.setdefault("timeout", PATIENCE)
        return self._session.request(method, self.url + path, headers=headers, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.ask("GET", path, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        return self.ask("POST", path, **options)

    def readiness(self) -> tuple[int, dict[str, str]]:
        answer = requests.get(f"{self.url}/-/ready", timeout=PATIENCE)
        return answer.status_code, answer.json()["checks"]

    @property
    def _session(self) -> requests.Session:
        """One for each thread: connections are kept, as browsers and applications keep them."""
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
        session: requests.Session = self._local.session
        return session


class Cluster:
    def __init__(self, servers: list[Server], database_url: str) -> None:
        self.nodes = [Node(server) for server in servers]
        self._database = database_url.replace("+psycopg", "")
        self._dice = random.Random(20261122)

    def any(self) -> Node:
        """Whichever: there is no stickiness."""
        return self._dice.choice(self.nodes)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the database answers beside the nodes; none for what changes it."""
        with psycopg.connect(self._database, autocommit=True) as connection:
            cursor = connection.execute(query.encode())
            return cursor.fetchall() if cursor.description else []

    def one(self, query: str) -> Any:
        ((value,),) = self.rows(query)
        return value

    def let_leases_run_out(self) -> None:
        """As time would; those who hold them are not told, as a process that was paused is not."""
        self.rows("UPDATE intents SET lease_until = 1")
        self.rows("UPDATE attachments SET lease_until = 1 WHERE state = 'purging'")

    def sweep(self) -> dict[str, Any]:
        swept: dict[str, Any] = json.loads(self.command("sweep", "--json"))
        return swept

    def command(self, *arguments: str) -> str:
        """What a command says that is run where a node runs; in this process, which is quicker."""
        ran = CliRunner().invoke(app, arguments, env=self.nodes[0].server.env)
        assert ran.exit_code == 0, ran.output
        return ran.stdout

    def sweep_at_once(self, count: int) -> list[dict[str, Any]]:
        """So many processes, each with a sweep of its own, together."""
        server = self.nodes[0].server
        command = [sys.executable, "-m", "coatcheck", "sweep", "--json"]
        running = [
            subprocess.Popen(command, env=server.env, stdout=subprocess.PIPE, text=True)
            for _ in range(count)
        ]
        said = [each.communicate(timeout=2 * PATIENCE)[0] for each in running]
        assert [each.returncode for each in running] == [0] * count
        return [json.loads(each) for each in said]

    def settle(self) -> None:
        """What was left half done is thrown away, and then every record and every byte agrees."""
        self.let_leases_run_out()
        self.sweep()
        assert self.rows("SELECT * FROM intents") == []
        lines = self.command("fsck", "--json", "--rehash").splitlines()
        assert [json.loads(line) for line in lines] == [{"findings": 0, "repaired": 0}]

    def charged(self) -> tuple[int, int, int]:
        """(bytes used, bytes reserved, attachments) of everybody."""
        ((used, reserved, count),) = self.rows(
            "SELECT sum(used)::bigint, sum(reserved)::bigint, sum(attachments)::bigint FROM quotas"
        )
        return used, reserved, count

    def kept(self) -> tuple[int, int, int]:
        """The same, added up from what there is: all of it belongs to attachments that are complete."""
        ((size, count),) = self.rows(
            "SELECT coalesce(sum(size), 0)::bigint, count(*) FROM attachments WHERE charged"
        )
        return size, 0, count


@contextmanager
def cluster(
    home: Path,
    *,
    count: int = 2,
    database_url: str = "",
    blobs_url: str = "",
    env: Mapping[str, str] | None = None,
) -> Iterator[Cluster]:
    """Nodes on a fresh database and an empty place in the store of this run, unless others are named."""
    postgres.required()
    database_url = database_url or postgres.fresh_database()
    settings = {
        "COATCHECK_DATABASE_URL": database_url,
        "COATCHECK_BLOBS_URL": blobs_url or s3_url("nodes", timeout=5),
        "COATCHECK_RATE_LIMITS": "off",
        "COATCHECK_REAP_EVERY": str(NEVER),
        **(env or {}),
    }
    with ExitStack() as stack:
        servers = [
            stack.enter_context(running_server(home / f"node{n}", env=settings))
            for n in range(1, count + 1)
        ]
        yield Cluster(servers, database_url)


def wait_until(true: Callable[[], bool], patience: float = PATIENCE) -> None:
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def path_of(location: str) -> str:
    """Without the node that named it: another one is asked."""
    parts = urlsplit(location)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
